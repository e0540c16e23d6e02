"""Keys: an office signs with its own, which is made in its home and never leaves it.

Ed25519 (RFC 8032). A private key lies in ``<home>/keys/<office>.key``, PEM (PKCS #8), readable
by its owner alone. Public keys, seeds and signatures are hex.
"""

import base64
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import Unavailable
from domain.office import to_prove

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "keys"


class Key:
    """A private key, to sign with."""

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()
        self.fingerprint = fingerprint(self.public)

    def sign(self, data: bytes) -> str:
        """Return the signature over ``data``."""
        return self._private.sign(data).hex()


def own(home: Path, office: str) -> Key:
    """Return an office's signing key, made at first need.

    Raises:
        Unavailable: it cannot be made, or the file does not hold one.

    """
    file = home / FOLDER / f"{office}.key"
    try:
        if not file.exists():
            _make(file)
        return _read(file)
    except (OSError, ValueError) as fault:
        raise Unavailable(f"The signing key {file} cannot be used: {fault}.") from fault


def one_time(seed: str) -> Key:
    """Return the one-time key of a hand-over file.

    Raises:
        ValueError: ``seed`` is none.

    """
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - it takes its time

    return Key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))


def seed() -> str:
    """Return the seed of a new one-time key: the token of a hand-over file."""
    return secrets.token_hex(32)


def verify(public: str, signature: str, data: bytes) -> bool:
    """Tell whether a signature over ``data`` is by a key."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def proved(claim: str | None, proof: str | None, office: str, key: str) -> bool:
    """Tell whether ``proof`` is by the claimed one-time key, over this office and this key."""
    if claim is None or proof is None:
        return False
    try:
        data = to_prove(office, key)
    except ValueError:
        return False
    return verify(claim, proof, data)


def fingerprint(public: str) -> str:
    """Return what two people read to each other to compare a key."""
    digest = sha256(bytes.fromhex(public)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _make(file: Path) -> None:
    """Write a new key whole, unless another process has just done so."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.parent.mkdir(mode=0o700, exist_ok=True)
    beside = file.with_suffix(f".{secrets.token_hex(8)}")
    write(beside, pem)
    try:
        os.link(beside, file)  # the first to come keeps its place
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def write(file: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read, durably."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> Key:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    private = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        msg = "it is no Ed25519 key"
        raise ValueError(msg)  # noqa: TRY004 - told as what is wrong with the file
    return Key(private)
