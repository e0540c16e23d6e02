"""How the broker is reached, in the words of each client; and how topics, groups and users are called.

Topics   ``farman.<force>.<office>.down`` from HQ, ``.up`` to it, ``.dlq`` for what was no despatch.
Groups   ``farman.<force>.<office>``: a region's reader of ``down``, HQ's of all ``up``.
Users    called like the group of their office.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from domain.errors import Misused, Unavailable

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISM = "SCRAM-SHA-512"

METADATA_AGE = 5_000
"""Milliseconds after which a client asks anew where a topic is: one made again is found by then."""

LARGEST = 1024 * 1024
"""Bytes of a message, at most; an entry is half of it at most."""

Way = Literal["down", "up", "dlq"]


def topic(force: str, office: str, way: Way) -> str:
    """Name a link's topic."""
    return f"farman.{force}.{office}.{way}"


def group(force: str, office: str) -> str:
    """Name an office's group of readers, which is the name of its user, too."""
    return f"farman.{force}.{office}"


@dataclass(frozen=True)
class Kafka:
    """A broker and who we are to it."""

    bootstrap: str
    """``host:port``, several with commas."""
    protocol: str = "PLAINTEXT"
    """One of `PROTOCOLS`."""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    """PEM: who may vouch for the broker; empty for those whom the system trusts."""

    def __post_init__(self) -> None:
        if not self.bootstrap:
            raise Misused(
                "FARMAN_KAFKA_BOOTSTRAP is not set: give the broker's host:port, or join an office."
            )
        if self.protocol not in PROTOCOLS:
            raise Misused(
                f"The broker is spoken to by {', '.join(PROTOCOLS)}, not by {self.protocol}."
            )
        if self.sasl and not (self.username and self.password):
            raise Misused(
                f"{self.protocol} needs FARMAN_KAFKA_USERNAME and FARMAN_KAFKA_PASSWORD "
                "(or FARMAN_KAFKA_PASSWORD_FILE)."
            )

    @property
    def sasl(self) -> bool:
        """Whether we give our name and password."""
        return self.protocol.startswith("SASL")

    @property
    def tls(self) -> bool:
        """Whether the line is encrypted, and the broker proves who it is."""
        return self.protocol.endswith("SSL")

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """What the broker's certificate is checked with.

        Raises:
            Unavailable: there is no certificate in what should be one.

        """
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cadata=self.ca or None)
        except ssl.SSLError as fault:
            raise Unavailable(
                f"FARMAN_KAFKA_CA_FILE holds no certificate in PEM of who vouches for the broker "
                f"({fault.reason or fault})."
            ) from fault

    def aiokafka(self) -> dict[str, Any]:
        """Return what aiokafka's clients are called with."""
        said: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.protocol,
            "ssl_context": self.context,
            "metadata_max_age_ms": METADATA_AGE,
        }
        if self.sasl:
            said |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return said

    def faust(self) -> dict[str, Any]:
        """Return what a Faust app is called with."""
        from faust import SASLCredentials, SSLCredentials  # noqa: PLC0415 - it takes its time

        brokers = ";".join(f"kafka://{one.strip()}" for one in self.bootstrap.split(","))
        if self.sasl:
            who: Any = SASLCredentials(
                username=self.username,
                password=self.password,
                mechanism=MECHANISM,
                ssl_context=self.context,
            )
            return {"broker": brokers, "broker_credentials": who}
        if self.context is not None:
            return {"broker": brokers, "broker_credentials": SSLCredentials(self.context)}
        return {"broker": brokers}

    def confluent(self) -> Mapping[str, Any]:
        """Return what librdkafka is configured with."""
        said: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.protocol,
            "broker.address.family": "v4",  # or `localhost` waits for IPv6 to fail
        }
        if self.tls and self.ca:
            said["ssl.ca.pem"] = self.ca
        if self.sasl:
            said |= {
                "sasl.mechanisms": MECHANISM,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return said
