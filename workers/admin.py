"""What the broker must have for an office: topics, a user, rights. For HQ's administrator.

Least rights, as measured; none on the cluster:

  office  READ down, READ its group, WRITE up, WRITE dlq
  HQ      READ up, READ its group, WRITE down, WRITE dlq

Safe: every step makes sure of a state, and all are repeated until what the broker says
agrees; done again they change nothing but a password that is not given.
"""

import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from domain.errors import Unavailable
from office.commission import Broker
from workers import rights
from workers.kafka import LARGEST, Kafka, Way, group, topic
from workers.rights import Right

WAYS: tuple[Way, ...] = ("down", "up", "dlq")

TOPIC = {
    "cleanup.policy": "delete",
    "retention.ms": str(30 * 24 * 3600 * 1000),
    "max.message.bytes": str(LARGEST),
}
"""Thirty days; what is older comes out of a ledger again."""

PATIENCE = 60.0
"""Seconds for all steps to agree."""

_ROUNDS = 8192
_ANY: Any = None
_EVERY_RIGHT = AclBindingFilter(
    ResourceType.ANY,
    _ANY,
    ResourcePatternType.ANY,
    _ANY,
    _ANY,
    AclOperation.ANY,
    AclPermissionType.ANY,
)


def ensure_office(
    kafka: Kafka, force: str, office: str, password: str = "", *, hq: str, hq_user: str
) -> Broker:
    """Make sure of an office's topics, user and rights, and of HQ's rights to its topics.

    ``kafka`` is the administrator, ``hq_user`` whom HQ's workers log in as. The office's user
    gets ``password``, or a new one if it is empty. On a broker without users there are topics
    only. Returns what the office is told of the broker.

    Raises:
        Unavailable: the broker cannot be reached, refuses, or does not come to agree.

    """
    theirs = kafka
    if kafka.sasl:
        password = password or secrets.token_urlsafe(32)
        theirs = replace(kafka, username=group(force, office), password=password)
    deadline = time.monotonic() + PATIENCE
    client = rights.client(kafka)
    named = False
    while True:
        try:
            differs = _topics(client, [topic(force, office, way) for way in WAYS])
            if kafka.sasl:
                if not named:
                    _user(client, theirs)
                    named = True
                wanted = [(theirs.username, right) for right in rights.of_office(force, office)]
                ours = [(hq_user, right) for right in rights.of_hq(force, hq, [office])]
                differs += _allowed(client, [*wanted, *ours])
                # The last word has the broker, asked by the office itself.
                differs = differs or rights.lacking(theirs, [right for _, right in wanted])
        except KafkaException as fault:
            error = fault.args[0]
            if error.code() in _REFUSED:
                raise Unavailable(
                    f"The broker {kafka.bootstrap} does not let {kafka.username or 'us'} make what "
                    f"the office {office} needs ({error.str()}): set FARMAN_KAFKA_ADMIN_USERNAME "
                    "and FARMAN_KAFKA_ADMIN_PASSWORD to an administrator's."
                ) from fault
            differs = [error.str()]
        except Unavailable as fault:  # the user is not known to every node yet
            differs = [fault.reason]
        if not differs:
            return Broker(
                bootstrap=kafka.bootstrap,
                protocol=kafka.protocol,
                username=theirs.username,
                password=theirs.password,
                ca=kafka.ca or None,
                topics={way: topic(force, office, way) for way in WAYS},
            )
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The broker {kafka.bootstrap} did not come to what the office {office} needs within "
                f"{PATIENCE:g} s ({', '.join(differs)}): look at its log, then repeat the command."
            )
        time.sleep(0.2)


_REFUSED = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.SECURITY_DISABLED,
    KafkaError.POLICY_VIOLATION,
}


def _topics(client: AdminClient, wanted: Iterable[str]) -> list[str]:
    """Make those that are not there; return which."""
    there = client.list_topics(timeout=rights.PATIENCE).topics
    absent = [name for name in wanted if name not in there]
    if absent:
        made = [NewTopic(name, num_partitions=1, config=dict(TOPIC)) for name in absent]
        _done(client.create_topics(made), but=KafkaError.TOPIC_ALREADY_EXISTS)
    return absent


def _user(client: AdminClient, who: Kafka) -> None:
    rounds = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ROUNDS)
    user = UserScramCredentialUpsertion(who.username, rounds, who.password.encode())
    _done(client.alter_user_scram_credentials([user]))


def _allowed(client: AdminClient, wanted: Iterable[tuple[str, Right]]) -> list[str]:
    """Allow what is not allowed; return what."""
    there = set(client.describe_acls(_EVERY_RIGHT).result(rights.PATIENCE))
    absent = {
        binding: f"{user}: {right}"
        for user, right in wanted
        if (binding := _binding(user, right)) not in there
    }
    if absent:
        _done(client.create_acls(list(absent)))
    return list(absent.values())


def _binding(user: str, right: Right) -> AclBinding:
    return AclBinding(
        ResourceType[right.kind.upper()],
        right.name,
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )


def _done(answers: Mapping[Any, Future[Any]], but: int | None = None) -> None:
    for answer in answers.values():
        try:
            answer.result(rights.PATIENCE)
        except KafkaException as fault:
            if fault.args[0].code() != but:
                raise
