"""What we may do at the broker, as the broker itself says.

A Faust app without rights stays alive, reads nothing and says nothing: so the broker is asked
before anything is joined, and again whenever a link stays silent.
"""

import logging
import time
from collections.abc import Collection, Iterable
from typing import Any, Literal, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from domain.errors import Unavailable
from workers.kafka import Kafka, group, topic

PATIENCE = 10.0
"""Seconds that the broker has for an answer."""


class Right(NamedTuple):
    """One operation on one thing."""

    operation: Literal["READ", "WRITE"]
    kind: Literal["topic", "group"]
    name: str

    def __str__(self) -> str:
        """Say it as a person grants it."""
        return f"{self.operation} on the {self.kind} {self.name}"


def of_office(force: str, office: str) -> list[Right]:
    """Return what a region's workers need, and no more."""
    return [
        Right("READ", "topic", topic(force, office, "down")),
        Right("READ", "group", group(force, office)),
        Right("WRITE", "topic", topic(force, office, "up")),
        Right("WRITE", "topic", topic(force, office, "dlq")),
    ]


def of_hq(force: str, hq: str, offices: Iterable[str]) -> list[Right]:
    """Return what HQ's workers need for these offices."""
    rights = [Right("READ", "group", group(force, hq))]
    for office in offices:
        rights += [
            Right("READ", "topic", topic(force, office, "up")),
            Right("WRITE", "topic", topic(force, office, "down")),
            Right("WRITE", "topic", topic(force, office, "dlq")),
        ]
    return rights


def client(kafka: Kafka) -> AdminClient:
    """Return a client that has spoken with the broker. Keep it: its end cancels what it asked.

    Raises:
        Unavailable: the broker cannot be reached, or does not know us.

    """
    made = AdminClient(dict(kafka.confluent()), logger=logging.getLogger("librdkafka"))
    try:
        # Before this some requests fail: it learns which broker is to be asked what.
        made.list_topics(timeout=PATIENCE)
    except KafkaException as fault:
        raise unreachable(kafka, fault.args[0]) from fault
    return made


def lacking(kafka: Kafka, wanted: Collection[Right]) -> list[str]:
    """Return, each in words, those of the rights that we do not have.

    Raises:
        Unavailable: the broker cannot be reached, or does not know us.

    """
    asked = client(kafka)
    found: list[str] = []
    for right in wanted:
        try:
            allowed = _allowed(asked, right)
        except KafkaException as fault:
            error = fault.args[0]
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                found.append(f"the topic {right.name} itself")
            elif error.code() in _FORBIDDEN:
                found.append(str(right))
            else:
                raise unreachable(kafka, error) from fault
        else:
            # None: a broker that gives everybody everything, or has no word for it.
            if allowed is not None and not {
                AclOperation[right.operation],
                AclOperation.ALL,
            } & set(allowed):
                found.append(str(right))
    return found


def _allowed(asked: AdminClient, right: Right) -> Any:
    """Ask what we may do there; again while the broker has yet to find who knows the group."""
    give_up = time.monotonic() + PATIENCE
    while True:
        if right.kind == "topic":
            answer = asked.describe_topics(
                TopicCollection([right.name]), include_authorized_operations=True
            )
        else:
            answer = asked.describe_consumer_groups(
                [right.name], include_authorized_operations=True
            )
        try:
            return answer[right.name].result(PATIENCE).authorized_operations
        except KafkaException as fault:
            if fault.args[0].code() not in _SOON or time.monotonic() > give_up:
                raise
        time.sleep(0.1)


_SOON = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}
_FORBIDDEN = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


def unreachable(kafka: Kafka, error: Any) -> Unavailable:
    """Return the sentence about a broker that does not answer as it should."""
    return Unavailable(
        f"The broker {kafka.bootstrap} cannot be asked ({error.name()}: {error.str()}): check that "
        "it runs, the address, FARMAN_KAFKA_CA_FILE, and the user's name and password."
    )
