"""The real Apache Kafka that tests, bench and demo stand on: found or fetched, started, never left behind.

Found    the broker at ``KAFKA_BOOTSTRAP``, else the jars of ``kafka-jars.lock`` on a Java (see ``java.py``).
Started  on free loopback ports, in one of two flavours: *secure*, as in service (SASL_SSL, SCRAM-SHA-512,
         nothing without an ACL), and *plain*, for whoever measures or tests something else.
Ended    by its keeper, whatever ends us.

For the broker at ``KAFKA_BOOTSTRAP`` (host:port, or several with commas) there are
``KAFKA_SECURITY_PROTOCOL`` (PLAINTEXT), ``KAFKA_SSL_CA`` (a PEM file), ``KAFKA_SASL_MECHANISM``
(SCRAM-SHA-512), ``KAFKA_SASL_USERNAME`` and ``KAFKA_SASL_PASSWORD``, of somebody who may do everything.
"""

import contextlib
import os
import secrets
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tests.services import jars
from tests.services.java import Java, find_java
from tests.services.keeper import Keeper, Missing, kept

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

ADMIN_SECONDS = 30
"""How long a broker may take to carry out what an administrator asks; 0.1 is usual."""

Operation: TypeAlias = Literal["READ", "WRITE", "DESCRIBE", "CREATE", "DELETE", "ALTER", "ALL"]


@dataclass(frozen=True)
class Broker:
    """A running Kafka of one node or more, empty but for what its callers create."""

    bootstrap: str
    """``host:port`` on loopback; with commas if there are several nodes."""

    protocol: str = "PLAINTEXT"
    ca: Path | None = None
    """The certificate that proves the nodes' own; None without TLS."""

    admin_user: str = ""
    admin_password: str = field(default="", repr=False)
    mechanism: str = "SCRAM-SHA-512"
    inner: int = 0
    """The port for whoever stands between us and some clients, as ``kafka(behind=…)`` says; else 0."""

    _keeper: Keeper | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Whether users log in, and may do only what they are allowed."""
        return self.protocol.startswith("SASL_")

    # --- How clients reach it ---------------------------------------------------------------------

    def for_aiokafka(self, user: str = "", password: str = "") -> dict[str, Any]:
        """Return the keywords for aiokafka's clients; those of ``admin`` if no user is named."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.protocol,
        }
        if self.protocol.endswith("SSL"):
            settings["ssl_context"] = self.ssl_context()
        if self.secure:
            settings |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": user or self.admin_user,
                "sasl_plain_password": password or self.admin_password,
            }
        return settings

    def for_confluent(self, user: str = "", password: str = "") -> dict[str, Any]:
        """Return the configuration for confluent-kafka's clients; ``admin``'s if no user is named."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.protocol,
            "log_level": 4,  # warnings; otherwise a client that ends reports on its own queue
        }
        if self.protocol.endswith("SSL") and self.ca is not None:
            settings["ssl.ca.location"] = str(self.ca)
        if self.secure:
            settings |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": user or self.admin_user,
                "sasl.password": password or self.admin_password,
            }
        return settings

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that trusts the nodes' certificate; the system's authorities if there is none."""
        return ssl.create_default_context(cafile=self.ca)

    # --- What is in it ----------------------------------------------------------------------------

    def create_topic(self, prefix: str = "test", *, partitions: int = 1) -> str:
        """Create a topic with a name of its own and return the name."""
        from confluent_kafka.admin import NewTopic  # noqa: PLC0415  # as in _admin()

        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        admin = self._admin()
        for made in admin.create_topics([NewTopic(name, partitions)]).values():
            made.result(ADMIN_SECONDS)
        return name

    def create_user(self, prefix: str = "user") -> tuple[str, str]:
        """Create a user who may do nothing yet; return his name and password, which work at once."""
        from confluent_kafka.admin import (  # noqa: PLC0415
            ScramCredentialInfo,
            ScramMechanism,
            UserScramCredentialUpsertion,
        )

        name, password = f"{prefix}-{uuid.uuid4().hex[:12]}", secrets.token_urlsafe(16)
        # The fewest rounds that Kafka takes: the password is good already, and lives for a test.
        rounds = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(name, rounds, password.encode())
        admin = self._admin()
        for made in admin.alter_user_scram_credentials([user]).values():
            made.result(ADMIN_SECONDS)
        self._admin(name, password)  # logs in, again and again until each node has heard of him
        return name, password

    def allow(
        self,
        user: str,
        operation: Operation,
        *,
        topic: str | None = None,
        group: str | None = None,
    ) -> None:
        """Allow ``user`` an operation on a topic, a group or both; it holds at once."""
        from confluent_kafka.admin import (  # noqa: PLC0415
            AclBinding,
            AclBindingFilter,
            AclOperation,
            AclPermissionType,
            ResourcePatternType,
            ResourceType,
        )

        admin = self._admin()
        asked = {ResourceType.TOPIC: topic, ResourceType.GROUP: group}
        for kind, name in asked.items():
            if name is None:
                continue
            rule = (
                kind,
                name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for made in admin.create_acls([AclBinding(*rule)]).values():
                made.result(ADMIN_SECONDS)
            deadline = time.monotonic() + ADMIN_SECONDS
            while not admin.describe_acls(AclBindingFilter(*rule)).result(ADMIN_SECONDS):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"The broker has not heard that {user} may {operation}.")
                time.sleep(0.01)

    def _admin(self, user: str = "", password: str = "") -> "AdminClient":
        """Return a client that has logged in. Keep it in a variable: its end cancels what it was asked."""
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415  # services start without it

        admin = AdminClient(self.for_confluent(user, password))
        admin.list_topics(timeout=ADMIN_SECONDS)
        return admin

    # --- Its processes; only those that we started ------------------------------------------------

    @property
    def pid(self) -> int:
        """The first node's process, 0 while it is down; another one after each :meth:`start`."""
        return self.pids[0]

    @property
    def pids(self) -> list[int]:
        """Each node's process, 0 for those that are down."""
        return list(self._own().facts["pids"])

    @property
    def folder(self) -> Path:
        """Everything the nodes write; gone with them."""
        return Path(self._own().facts["folder"])

    def kill(self, node: int = 0) -> None:
        """End a node as kill -9 does."""
        self._order("kill", node)

    def stop(self, node: int = 0) -> None:
        """End a node in order; slow, and a kill in the end, where no majority of nodes is left."""
        self._order("stop", node)

    def start(self, node: int = 0) -> None:
        """Start a node again with the same data at the same port, and return when it serves.

        Raises:
            NotStarted: it refused; the message holds its log.

        """
        self._order("start", node)

    def log(self) -> str:
        """Return what all nodes have logged: what they warn of, and that they started."""
        logs = sorted(self.folder.glob("attempt-*/node-*/log"))
        return "".join(log.read_text(errors="replace") for log in logs)

    def _order(self, what: str, node: int) -> None:
        keeper = self._own()
        keeper.facts.update(keeper.ask(do=what, node=node))

    def _own(self) -> Keeper:
        if self._keeper is None:
            raise LookupError(f"{self.bootstrap} is not ours: ask for kafka(ours=True).")
        return self._keeper


@contextlib.contextmanager
def kafka(
    *, secure: bool = True, nodes: int = 1, ours: bool = False, behind: int = 0
) -> Iterator[Broker]:
    """Start an empty Kafka and stop it, and remove all it wrote, at the end of the block.

    ``ours`` passes over ``KAFKA_BOOTSTRAP``: for callers who kill nodes or read their logs. So does more
    than one node, and ``behind``: a port on loopback where the caller passes on to :attr:`Broker.inner`
    what clients send. Who comes in that way is sent nowhere else, so his line can be cut.

    Raises:
        Missing: no Java or no jars; the message names all that must be installed.
        NotStarted: Kafka refused; the message holds its log.

    """
    if nodes == 1 and not ours and not behind and (named := os.environ.get("KAFKA_BOOTSTRAP")):
        yield outside(named, secure=secure)
        return
    java, archives = find_kafka()
    with kept(
        "kafka",
        java=str(java.program),
        version=java.version,
        jars=[str(jar) for jar in archives],
        secure=secure,
        nodes=nodes,
        behind=behind,
    ) as keeper:
        facts = keeper.facts
        yield Broker(
            bootstrap=",".join(f"127.0.0.1:{port}" for port in facts["ports"]),
            protocol="SASL_SSL" if secure else "PLAINTEXT",
            ca=Path(facts["folder"]) / "ca.pem" if secure else None,
            admin_user="admin" if secure else "",
            admin_password=facts["admin_password"],
            inner=facts["inner"],
            _keeper=keeper,
        )
        if facts["records"]:
            keeper.ask(do="end")  # in order, which is when the archive is written


def outside(bootstrap: str, *, secure: bool) -> Broker:
    """Return the broker that a person named, as the ``KAFKA_…`` settings say it is reached.

    Raises:
        Missing: a secure one is asked for, and it is not.

    """
    ca = os.environ.get("KAFKA_SSL_CA")
    broker = Broker(
        bootstrap=bootstrap,
        protocol=os.environ.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        ca=Path(ca) if ca else None,
        admin_user=os.environ.get("KAFKA_SASL_USERNAME", ""),
        admin_password=os.environ.get("KAFKA_SASL_PASSWORD", ""),
        mechanism=os.environ.get("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
    )
    if secure and not broker.secure:
        raise Missing(
            f"KAFKA_BOOTSTRAP={bootstrap}: users and rights are tested, and this broker has none. "
            "Set KAFKA_SECURITY_PROTOCOL=SASL_SSL with KAFKA_SSL_CA, KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD, or unset KAFKA_BOOTSTRAP."
        )
    return broker


def find_kafka() -> tuple[Java, list[Path]]:
    """Return the Java and the jars to run on it, each checked; what is absent is fetched.

    Raises:
        Missing: with everything that is not to be had, and how to mend it.

    """
    gaps = []
    java, archives = None, None
    try:
        java = find_java()
    except Missing as gap:
        gaps.append(str(gap))
    try:
        archives = jars.in_cache(jars.cache(), jars.locked())
    except Missing as gap:
        gaps.append(str(gap))
    if java is None or archives is None:
        gaps.append("Kafka of your own does too: KAFKA_BOOTSTRAP=host:port")
        raise Missing("\n".join(gaps))
    return java, archives
