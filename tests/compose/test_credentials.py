"""The one-shot that makes keys, certificates and passwords: for each reader his own, once."""

import os
import re
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.project import ROOT, Project

OFFICES = ("hq", "malakand", "hazara")


def make(volumes: Path) -> None:
    subprocess.run([sys.executable, ROOT / "docker" / "credentials.py", volumes], check=True)


@pytest.fixture(scope="module")
def volumes(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    for mount in project.services["credentials"].mounts:
        (folder / mount.volume).mkdir()
    make(folder)
    return folder


def everything(volumes: Path) -> dict[str, tuple[bytes, os.stat_result]]:
    return {
        str(file.relative_to(volumes)): (file.read_bytes(), file.stat())
        for file in volumes.glob("*/*")
    }


def originals(volumes: Path) -> dict[str, str]:
    """Return each password by whose it is."""
    return {file.stem: file.read_text() for file in volumes.glob("authority/*.password")}


def test_it_fills_exactly_the_volumes_that_it_is_given(project: Project, volumes: Path) -> None:
    given = {mount.volume for mount in project.services["credentials"].mounts}
    assert {folder.name for folder in volumes.iterdir()} == given
    assert {file.parent.name for file in volumes.glob("*/*")} == given


def test_a_second_run_changes_nothing(volumes: Path) -> None:
    before = everything(volumes)
    make(volumes)
    after = everything(volumes)
    assert after.keys() == before.keys()
    for name, (content, status) in before.items():
        assert after[name][0] == content, name
        kept = (after[name][1].st_ino, after[name][1].st_mtime_ns, after[name][1].st_mode)
        assert kept == (status.st_ino, status.st_mtime_ns, status.st_mode), name


def test_what_a_reader_lost_is_written_anew_as_it_was(volumes: Path) -> None:
    before = {name: content for name, (content, _) in everything(volumes).items()}
    for name in ("hq/pgpass", "kafka/broker.pem", "malakand/ca.pem", "kafka-users/users.args"):
        (volumes / name).parent.chmod(0o700)
        (volumes / name).unlink()
    make(volumes)
    assert {name: content for name, (content, _) in everything(volumes).items()} == before


def test_no_other_machine_has_the_same_passwords(volumes: Path, tmp_path: Path) -> None:
    for folder in volumes.iterdir():
        (tmp_path / folder.name).mkdir()
    make(tmp_path)
    here, there = originals(volumes), originals(tmp_path)
    assert here.keys() == there.keys()
    assert len({*here.values(), *there.values()}) == 2 * len(here)
    assert all(re.fullmatch(r"[\w-]{43}", password) for password in here.values())


def test_each_password_is_known_to_its_readers_alone(volumes: Path) -> None:
    readers = {
        "broker": {"kafka", "kafka-users"},
        "admin": {"admin", "kafka-users"},
        "farman.kp.hq": {"hq", "kafka-users"},
        **{f"{office}-farman": {office, f"{office}-database"} for office in OFFICES},
        **{f"{office}-postgres": {f"{office}-database"} for office in OFFICES},
    }
    texts = {file: file.read_text() for file in volumes.glob("*/*")}
    found = {
        name: {file.parent.name for file, text in texts.items() if password in text}
        for name, password in originals(volumes).items()
    }
    assert found == {name: {"authority", *those} for name, those in readers.items()}


def test_the_authoritys_key_leaves_its_volume_never(volumes: Path) -> None:
    keys = {file: file.read_text() for file in volumes.glob("*/*")}
    holders = {file.parent.name for file, text in keys.items() if "PRIVATE KEY" in text}
    assert holders == {"authority", "kafka"}
    key = keys[volumes / "authority" / "authority.pem"].partition("-----END")[0]
    assert [file.parent.name for file, text in keys.items() if key in text] == ["authority"]


def test_nobody_but_its_owner_reads_a_file(volumes: Path) -> None:
    for file in (*volumes.iterdir(), *volumes.glob("*/*")):
        mode = stat.S_IMODE(file.stat().st_mode)
        # Kafka's wrapper copies its settings with their mode, and adds to the copy.
        expected = 0o600 if file.name == "server.properties" else 0o400
        assert mode == (0o500 if file.is_dir() else expected), file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_each_volume_belongs_to_the_user_who_reads_it(volumes: Path) -> None:
    owners = {"authority": 0, "kafka": 1000, "kafka-users": 1000}
    owners |= {f"{office}-database": 999 for office in OFFICES}
    for each in (*volumes.iterdir(), *volumes.glob("*/*")):
        volume = each.relative_to(volumes).parts[0]
        expected = owners.get(volume, 10001)
        assert (each.stat().st_uid, each.stat().st_gid) == (expected, expected), each


def test_certificates_are_renewed_by_removing_the_originals(volumes: Path) -> None:
    old = (volumes / "hazara" / "ca.pem").read_text()
    for name in ("authority.pem", "broker.pem"):
        (volumes / "authority").chmod(0o700)
        (volumes / "authority" / name).unlink()
    make(volumes)
    assert (volumes / "hazara" / "ca.pem").read_text() != old
    shake_hands(volumes, "kafka")


@pytest.mark.parametrize("host", ["kafka", "localhost", "127.0.0.1"])
def test_the_brokers_certificate_holds_under_the_strictest_rules(
    volumes: Path, host: str
) -> None:
    shake_hands(volumes, host)


def test_the_brokers_certificate_is_no_other_hosts(volumes: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(volumes, "hq-database")


def shake_hands(volumes: Path, host: str) -> None:
    client = ssl.create_default_context(cafile=volumes / "malakand" / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(volumes / "kafka" / "broker.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ours.version() == "TLSv1.3"
