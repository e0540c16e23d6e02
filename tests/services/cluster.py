"""The keeper's side of Kafka: nodes that are broker and controller at once; formatted, started, ended.

Secure  clients come by TLS and SCRAM-SHA-512 and may do what an ACL allows, ``admin`` everything.
        Controllers show each other a certificate. Keys and passwords go with the folder.
Quick   small heaps, and an archive of what Java loads and links at a start (JEP 514), which takes a third
        or more off it. The first orderly end writes the archive, beside the jars.
"""

import contextlib
import hashlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.services.keeper import NotStarted, Obey, Words

START_SECONDS = 120
"""How long a node may take on a busy machine; 2 is usual."""

STOP_SECONDS = 60
"""How long an orderly end may take; 0.3 is usual, 6 with an archive to write."""

PORT_ATTEMPTS = 5
"""A port found free may be taken before a node binds it; then others are tried."""

PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: a client that knocks at a killed node's port
could be given that very port, be connected to itself, and keep the node from coming back."""

ADMIN = "admin"

NODE = "farman-test-node"
"""The name in the certificate that all nodes share."""

STARTED = b"Kafka Server started"
"""What a node logs when it serves."""

TAKEN = "Address already in use"

LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"


@contextlib.contextmanager
def served(settings: Words) -> Iterator[tuple[Words, Obey]]:
    """Run nodes as the :data:`~tests.services.keeper.Service` "kafka"."""
    jars = [Path(jar) for jar in settings["jars"]]
    machine = Machine(Path(settings["java"]), settings["version"], jars)
    folder = Path(tempfile.mkdtemp(prefix="farman-kafka-"))
    try:
        with _started(
            machine,
            folder,
            settings["nodes"],
            secure=settings["secure"],
            behind=settings["behind"],
        ) as cluster:
            yield cluster.facts(), cluster.obey
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Machine:
    """Kafka's jars on a Java."""

    java: Path
    version: int
    jars: list[Path]

    @property
    def archive(self) -> Path | None:
        """Where what a start loads is kept for the next; None if this Java cannot."""
        if self.version < 25:  # JEP 514
            return None
        # Java itself refuses an archive of other jars or of another Java; with a name of its own each
        # has one that is taken.
        marks = [str(self.java), self.java.stat().st_mtime_ns]
        marks += [(jar.name, jar.stat().st_mtime_ns) for jar in self.jars]
        name = hashlib.sha256(repr(marks).encode()).hexdigest()[:16]
        return self.jars[0].parent / f"{name}.aot"

    def run(
        self, *words: str | Path, folder: Path, record: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """Run a Kafka program in ``folder``, its log there; write an archive to ``record`` at its end."""
        flags = [
            "-Xms64m",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xlog:disable",  # its remarks on archives; what stops it is said all the same
            "-Xlog:all=error:stderr",
            "-XX:-UsePerfData",  # this and what compressors unpack would outlive a kill elsewhere
            f"-Djava.io.tmpdir={folder}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",  # says STARTED
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        ]
        if self.version >= 24:  # it warns of what Kafka's libraries do
            flags += [
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
            ]
        if record is not None:
            flags += [f"-XX:AOTCacheOutput={record}"]
        elif self.archive is not None and self.archive.exists():
            flags += [f"-XX:AOTCache={self.archive}"]
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self.java, *flags, "-cp", ":".join(map(str, self.jars)), *words],
                cwd=folder,
                # The caller's JAVA_… and KAFKA_… settings would change what is tested.
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the Java that writes an archive is a child: ended with it
            )


class Node:
    """One of the processes, with a folder, a port and data that outlive each run of it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        self._record: Path | None = None

    @property
    def settings(self) -> Path:
        return self.folder / "server.properties"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def records(self) -> bool:
        """Whether its orderly end writes an archive."""
        return self._record is not None

    def begin(self, *, record: bool = False) -> None:
        """Start the process; :meth:`await_ready` tells when it serves."""
        log = self.folder / "log"
        self._log_from = log.stat().st_size if log.exists() else 0
        self._record = self.folder / "archive" if record else None
        self.process = self.machine.run(
            "kafka.Kafka", self.settings, folder=self.folder, record=self._record
        )

    def await_ready(self) -> None:
        """Return once the node serves.

        Raises:
            NotStarted: it ended, or takes too long.

        """
        assert self.process is not None
        # Its log is asked, since on the port somebody else might answer.
        deadline = time.monotonic() + START_SECONDS
        while STARTED not in self._said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotStarted(f"Kafka did not start:\n{tail(self._said())}")
            time.sleep(0.02)

    def _said(self) -> bytes:
        with (self.folder / "log").open("rb") as log:
            log.seek(self._log_from)
            return log.read()

    def kill(self) -> None:
        """End it as kill -9 does; ended already is fine."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it in order; ended already is fine."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self.kill()
            self._keep_archive()

    def _keep_archive(self) -> None:
        archive = self.machine.archive
        if self._record is None or archive is None or not self._record.exists():
            return
        # A full or closed disk makes the next start slower, no more.
        with contextlib.suppress(OSError):
            for older in archive.parent.glob("*.aot"):
                older.unlink()
            whole = archive.with_suffix(f".{os.getpid()}")
            shutil.copyfile(self._record, whole)
            whole.replace(archive)  # in one step: another run may be looking


@dataclass(frozen=True)
class Cluster:
    """The nodes, and what their callers must know."""

    nodes: list[Node]
    ports: list[int]
    """Where clients find each."""

    folder: Path
    password: str
    """Of the user ``admin``; empty where nobody logs in."""

    inner: int = 0
    """Where the first node is found by who stands between it and its clients; 0 if nobody does."""

    outer: int = 0
    """Where clients find him: what the node tells those that come through ``inner``."""

    def facts(self) -> Words:
        return {
            "folder": str(self.folder),
            "ports": self.ports,
            "inner": self.inner,
            "pids": [node.pid for node in self.nodes],
            "admin_password": self.password,
            "records": any(node.records for node in self.nodes),
        }

    def obey(self, order: Words) -> Words:
        """Carry out ``kill``, ``stop`` or ``start`` of one node, or ``end`` what writes an archive."""
        node = self.nodes[order.get("node", 0)]
        match order["do"]:
            case "kill":
                node.kill()
            case "stop":
                node.stop()
            case "start" if node.process is None:
                node.begin()
                node.await_ready()
            case "end":
                # Of the others' end nothing is learned, and without a majority none would be orderly.
                for each in filter(lambda node: node.records, self.nodes):
                    each.stop()
        return self.facts()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@contextlib.contextmanager
def _started(
    machine: Machine, folder: Path, nodes: int, *, secure: bool, behind: int
) -> Iterator[Cluster]:
    """Yield nodes that serve, and kill them afterwards."""
    password = secrets.token_urlsafe(24) if secure else ""
    if secure:
        _write_certificates(folder)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        here = folder / f"attempt-{attempt}"
        ports = _free_ports(2 * nodes + bool(behind))
        made = [Node(machine, here / f"node-{number}") for number in range(1, nodes + 1)]
        inner = ports.pop() if behind else 0
        cluster = Cluster(made, ports[:nodes], folder, password, inner, behind)
        try:
            _format(cluster, ports[nodes:])
            for node in made:
                # One of them is enough to learn from.
                node.begin(record=node is made[0] and _is_unrecorded(machine))
            for node in made:
                node.await_ready()
        except NotStarted as fault:
            cluster.kill()
            if TAKEN in str(fault) and attempt < PORT_ATTEMPTS:
                continue
            raise
        except BaseException:
            cluster.kill()
            raise
        try:
            yield cluster
        finally:
            cluster.kill()
        return


def _is_unrecorded(machine: Machine) -> bool:
    return machine.archive is not None and not machine.archive.exists()


def _free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens at, all different."""
    ports = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            break
    return ports


# --- What a node is told --------------------------------------------------------------------------


def _format(cluster: Cluster, controllers: list[int]) -> None:
    """Write each node's settings, and its data folder with the first user in it."""
    # Never a leading minus, which the tool would take for a flag.
    cluster_id = "F" + secrets.token_urlsafe(16)[1:22]
    tools = []
    for number, node in enumerate(cluster.nodes, start=1):
        node.folder.mkdir(parents=True)
        settings = _settings(cluster, number, controllers)
        _write_private(node.settings, "".join(f"{k}={v}\n" for k, v in settings.items()))
        words: list[str | Path] = ["format", "-t", cluster_id, "-c", node.settings]
        if cluster.password:
            # From a file, since any process may read a command line.
            users = node.folder / "users.args"
            _write_private(
                users,
                f"--add-scram\nSCRAM-SHA-512=[name={ADMIN},password={cluster.password}]\n",
            )
            words.append(f"@{users}")
        tools.append(
            cluster.nodes[number - 1].machine.run(
                "kafka.tools.StorageTool", *words, folder=node.folder
            )
        )
    try:
        failed = [tool.wait(START_SECONDS) for tool in tools]
    finally:
        for tool in tools:
            tool.kill()
    for node, status in zip(cluster.nodes, failed, strict=True):
        log = node.folder / "log"
        if status != 0:
            raise NotStarted(f"Kafka's data could not be formatted:\n{tail(log.read_bytes())}")
        log.unlink()  # it repeats the users, with what their passwords are checked by


def _settings(cluster: Cluster, number: int, controllers: list[int]) -> dict[str, str | int]:
    nodes = len(cluster.nodes)
    node = cluster.nodes[number - 1]
    at_client = f"CLIENT://127.0.0.1:{cluster.ports[number - 1]}"
    voters = (f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, start=1))
    copies, quorum = min(nodes, 3), min(nodes, 2)
    settings: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"{at_client},CONTROLLER://127.0.0.1:{controllers[number - 1]}",
        "advertised.listeners": at_client,
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENT",
        "log.dirs": str(node.folder / "data"),
        # A mistyped topic is a fault, not a new topic.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": quorum,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": quorum,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": quorum,
        "group.initial.rebalance.delay.ms": 0,
        # The lever on memory: 128 MB otherwise.
        "log.cleaner.dedupe.buffer.size": 2_097_152,
        "num.network.threads": 2,
        "num.io.threads": 2,
        # A killed node is missed, and may come back, in seconds.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 2_000 if nodes == 1 else 3_000,
        "controller.quorum.fetch.timeout.ms": 1_000,
        "controller.quorum.election.timeout.ms": 500,
    }
    if cluster.password:
        settings |= _secured(cluster)
    if cluster.inner and number == 1:
        settings |= _behind(cluster, settings)
    return settings


def _behind(cluster: Cluster, settings: dict[str, str | int]) -> dict[str, str | int]:
    """Return what opens the second way in, which is like the first one but for its address."""
    kind = "SASL_SSL" if cluster.password else "PLAINTEXT"
    named = {
        "listeners": f"BEHIND://127.0.0.1:{cluster.inner}",
        "advertised.listeners": f"BEHIND://127.0.0.1:{cluster.outer}",
        "listener.security.protocol.map": f"BEHIND:{kind}",
    }
    more: dict[str, str | int] = {
        name: f"{settings[name]},{value}" for name, value in named.items()
    }
    if cluster.password:
        more["listener.name.behind.scram-sha-512.sasl.jaas.config"] = f"{LOGIN} required;"
    return more


def _secured(cluster: Cluster) -> dict[str, str | int]:
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(cluster.folder / "node.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(cluster.folder / "ca.pem"),
        "listener.name.controller.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            f'{LOGIN} required username="{ADMIN}" password="{cluster.password}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        # Without the nodes' own name no broker ever comes up.
        "super.users": f"User:{ADMIN};User:CN={NODE}",
    }


def _write_certificates(folder: Path) -> None:
    """Write ``ca.pem`` for clients and ``node.pem``, key first, for nodes; valid for a week."""
    begin = datetime.now(UTC) - timedelta(hours=1)  # clocks differ, in a container for one
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = _name("farman-test-ca"), _name(NODE)

    def certificate(name: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(issuer)
            .subject_name(name)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=7))
            .add_extension(
                x509.BasicConstraints(ca=of is authority, path_length=None), critical=True
            )
        )

    ca = certificate(issuer, authority).sign(authority, hashes.SHA256())
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    node = (
        certificate(subject, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(authority, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = [each.public_bytes(Encoding.PEM).decode() for each in (node, ca)]
    _write_private(folder / "node.pem", secret.decode() + "".join(public))
    (folder / "ca.pem").write_text(public[1])


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def tail(log: bytes) -> str:
    """Return the end of ``log``, which holds what went wrong."""
    return "\n".join(log.decode(errors="replace").splitlines()[-30:])
