"""Make every key, certificate and password of docker-compose.yml: one folder for each reader.

In       the folder that holds the volumes, one folder each, as the service `credentials` mounts them.
Out      in `authority` the originals, for this program alone; in each other folder what its reader needs,
         owned by the reader, readable by nobody else. None of it is in the image or in the repository.
Again    changes nothing: what is there stays, byte for byte; what was lost is written anew from the originals.
Safe     run as root in a container without a network, since it gives files away. Anybody else who runs it
         keeps them.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OFFICES = ("hq", "malakand", "hazara")

HQ_USER = "farman.kp.hq"

ROOT, POSTGRES, KAFKA, FARMAN = 0, 999, 1000, 10001
"""Who the containers run as: `postgres:18`, `apache/kafka`, and our own image."""

BROKER = "kafka"
"""The broker's host, and the name in its certificate."""

VALID = timedelta(days=3650)

SERVER = """\
# Written by docker/credentials.py.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
# Names other than SSL and SASL_SSL: the image's scripts would ask for keystores with passwords.
listeners=CLIENT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENT://{broker}:9092
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL
inter.broker.listener.name=CLIENT
ssl.keystore.type=PEM
ssl.keystore.location=/mnt/shared/config/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=/mnt/shared/config/ca.pem
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="broker" password="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
# The last is the controller's certificate; without it the broker never comes up.
super.users=User:broker;User:admin;User:CN={broker}
auto.create.topics.enable=false
# Elsewhere the data would go with the container.
log.dirs=/var/lib/kafka/data
# One broker cannot keep three copies.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Killed, it is back in seconds.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
# The lever on memory: 128 MB otherwise.
log.cleaner.dedupe.buffer.size=2097152
"""

DATABASE = """\
CREATE ROLE farman LOGIN PASSWORD '{password}';
CREATE DATABASE farman OWNER farman TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE farman FROM PUBLIC;
"""


def main(volumes: Path) -> None:
    """Bring every folder under ``volumes`` to what its reader needs."""
    originals = volumes / "authority"
    _own(originals, ROOT)
    ca, key = _authority(originals)
    ca_pem = ca.public_bytes(Encoding.PEM).decode()

    def password(of: str) -> str:
        return _kept(originals / f"{of}.password", secrets.token_urlsafe(32), ROOT)

    broker_pem = _kept(originals / "broker.pem", _broker(ca, key), ROOT)
    # The regions' users are made when they are commissioned.
    users = ("broker", "admin", HQ_USER)
    _give(
        volumes / "kafka",
        KAFKA,
        {
            "server.properties": SERVER.format(broker=BROKER, password=password("broker")),
            "broker.pem": broker_pem,
            "ca.pem": ca_pem,
        },
    )
    _give(
        volumes / "kafka-users",
        KAFKA,
        {
            "users.args": "".join(
                f"--add-scram\nSCRAM-SHA-512=[name={user},password={password(user)}]\n"
                for user in users
            )
        },
    )
    _give(volumes / "admin", FARMAN, {"kafka-password": password("admin")})
    for office in OFFICES:
        store = password(f"{office}-farman")
        _give(
            volumes / f"{office}-database",
            POSTGRES,
            {
                "postgres-password": password(f"{office}-postgres"),
                "farman.sql": DATABASE.format(password=store),
            },
        )
        files = {"pgpass": f"*:*:farman:farman:{store}\n", "ca.pem": ca_pem}
        if office == "hq":
            files["kafka-password"] = password(HQ_USER)
        _give(volumes / office, FARMAN, files)


def _give(folder: Path, reader: int, files: Mapping[str, str]) -> None:
    _own(folder, reader)
    for name, text in files.items():
        file = folder / name
        if not file.exists() or file.read_text() != text:
            _write(file, text, reader)


def _kept(file: Path, made: str, reader: int) -> str:
    """Return what ``file`` holds, which is ``made`` the first time."""
    if not file.exists():
        _write(file, made, reader)
    return file.read_text()


def _write(file: Path, text: str, reader: int) -> None:
    """Put a file in place whole, with its owner and its mode."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    # Kafka's image copies server.properties with its mode, and writes to the copy.
    beside.chmod(0o600 if file.name == "server.properties" else 0o400)
    _chown(beside, reader)
    beside.rename(file)


def _own(folder: Path, reader: int) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o500)
    _chown(folder, reader)


def _chown(path: Path, reader: int) -> None:
    if os.geteuid() == ROOT:
        os.chown(path, reader, reader)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the authority's certificate and its key, kept in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Farman links")
    made = (
        _certificate(name, name, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = _kept(folder / "authority.pem", _pem(key, made), ROOT).encode()
    kept = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(text, password=None))
    return x509.load_pem_x509_certificate(text), kept


def _broker(ca: x509.Certificate, authority: ec.EllipticCurvePrivateKey) -> str:
    """Make the broker's key and certificate, for its clients and for its controller."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.DNSName(BROKER),
        x509.DNSName("localhost"),
        x509.IPAddress(IPv4Address("127.0.0.1")),
    ]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        _certificate(ca.subject, _name(BROKER), authority.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority, hashes.SHA256())
    )
    return _pem(key, made, ca)


def _certificate(
    issuer: x509.Name,
    subject: x509.Name,
    signed_by: ec.EllipticCurvePublicKey,
    key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """Begin a certificate with what Python 3.13 and later insist on: both key identifiers."""
    begin = datetime.now(UTC) - timedelta(hours=1)  # clocks differ
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by), critical=False
        )
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey, *certificates: x509.Certificate) -> str:
    """Return a key and the certificates after it, as Kafka reads them from one file."""
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return b"".join(
        [secret, *(each.public_bytes(Encoding.PEM) for each in certificates)]
    ).decode()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
