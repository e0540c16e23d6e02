"""What a user of the broker may do, found out by asking for it in Kafka's own protocol: one request, one answer.

Clients hide refusals and try again; so none is between. A request that is let through changes nothing,
but for a message written.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteAclsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DescribeAclsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

NODE = 1
"""The broker's number."""

FORBIDDEN = {29, 30, 31, 53}
"""TOPIC_, GROUP_, CLUSTER_ and TRANSACTIONAL_ID_AUTHORIZATION_FAILED."""

LET_THROUGH = {0, 6, 14, 15, 16, 17, 25, 36, 37, 68, 69}
"""No error, or one that comes only from behind the authorizer: no copy of the broker's own, a coordinator that
loads or is elsewhere, a topic of Kafka's own, an unknown member, a topic that exists, too few partitions, a group in use or unknown."""

TOPIC, CLUSTER = 2, 4
"""Kinds of resources whose settings are asked for, as Kafka numbers them; 4 is the broker's there."""

ANY = 1
"""Any kind, operation or permission, in a filter of rules."""


class Cell(NamedTuple):
    """One question of the matrix."""

    kind: str
    name: str
    operation: str


class User:
    """Somebody who has logged in."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client

    async def may(self, cell: Cell) -> bool:
        """Tell whether the broker lets him.

        Raises:
            LookupError: the broker neither lets him nor forbids it, but finds another fault.

        """
        request, code = _TRIES[cell.kind, cell.operation]
        error = code(await self._client.send(NODE, request(cell.name)))
        if error not in LET_THROUGH | FORBIDDEN:
            raise LookupError(f"{cell} is answered by error {error}.")
        return error in LET_THROUGH

    async def bytes_of(self, topic: str) -> bytes:
        """Return whatever the broker hands out of a topic."""
        answer = await self._client.send(NODE, _fetch(topic))
        return bytes(answer.topics[0][1][0][-1] or b"")


@contextlib.asynccontextmanager
async def logged_in(login: dict[str, Any]) -> AsyncIterator[User]:
    """Log in with what aiokafka's clients are called with."""
    client = AIOKafkaClient(**login)
    await client.bootstrap()
    try:
        yield User(client)
    finally:
        await client.close()


def _fetch(topic: str) -> FetchRequest:
    return FetchRequest(100, 1, 1_000_000, 0, [(topic, [(0, 0, 1_000_000)])])


class _CopyingFetch(FetchRequest):  # type: ignore[misc]  # the library has no types
    """As another broker fetches, to copy."""

    def build(self, request_struct_class: Any) -> Any:
        built = super().build(request_struct_class)
        built.__dict__["replica_id"] = NODE
        return built


def _copy(topic: str) -> FetchRequest:
    return _CopyingFetch(100, 1, 1_000_000, 0, [(topic, [(0, 0, 1_000_000)])])


def _produce(topic: str) -> ProduceRequest:
    batch = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000,
    )
    batch.append(0, timestamp=0, key=None, value=topic.encode(), headers=[])
    return ProduceRequest(None, -1, 10_000, [(topic, [(0, bytes(batch.build()))])])


def _create(topic: str) -> CreateTopicsRequest:
    return CreateTopicsRequest([(topic, 1, 1, [], [])], 10_000, True)


def _settings(kind: int) -> Callable[[str], DescribeConfigsRequest]:
    return lambda name: DescribeConfigsRequest([(kind, name, None)])


def _set(kind: int, setting: str, value: str) -> Callable[[str], AlterConfigsRequest]:
    return lambda name: AlterConfigsRequest([(kind, name, [(setting, value)])], True)


def _first(field: str, *path: int) -> Callable[[Any], int]:
    """Return what finds the error of the first thing that an answer speaks of."""

    def find(answer: Any) -> int:
        found = getattr(answer, field)
        for step in path:
            found = found[step]
        return int(found)

    return find


_TRIES: dict[tuple[str, str], tuple[Callable[[str], Any], Callable[[Any], int]]] = {
    ("topic", "READ"): (_fetch, _first("topics", 0, 1, 0, 1)),
    ("topic", "WRITE"): (_produce, _first("topics", 0, 1, 0, 1)),
    ("topic", "CREATE"): (_create, _first("topic_errors", 0, 1)),
    # What lies before the very first message.
    ("topic", "DELETE"): (
        lambda topic: DeleteRecordsRequest([(topic, [(0, 0)])], 10_000),
        _first("topics", 0, 1, 0, 2),
    ),
    ("topic", "ALTER"): (
        lambda topic: CreatePartitionsRequest([(topic, (1, None))], 10_000, True),
        _first("topic_errors", 0, 1),
    ),
    ("topic", "DESCRIBE"): (
        lambda topic: MetadataRequest([topic], False),
        _first("topics", 0, 0),
    ),
    ("topic", "DESCRIBE_CONFIGS"): (_settings(TOPIC), _first("resources", 0, 0)),
    ("topic", "ALTER_CONFIGS"): (
        _set(TOPIC, "retention.ms", "2592000000"),
        _first("resources", 0, 0),
    ),
    ("group", "READ"): (
        lambda group: HeartbeatRequest(group, 1, "nobody"),
        _first("error_code"),
    ),
    ("group", "DESCRIBE"): (
        lambda group: DescribeGroupsRequest([group]),
        _first("groups", 0, 0),
    ),
    ("group", "DELETE"): (lambda group: DeleteGroupsRequest([group]), _first("results", 0, 1)),
    ("cluster", "CREATE"): (lambda _: _create("farman.kp.new"), _first("topic_errors", 0, 1)),
    # Rules that nobody has made.
    ("cluster", "ALTER"): (
        lambda _: DeleteAclsRequest(ANY, None, ANY, "User:nobody", None, ANY, ANY),
        _first("filter_responses", 0, 0),
    ),
    ("cluster", "DESCRIBE"): (
        lambda _: DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY),
        _first("error_code"),
    ),
    ("cluster", "DESCRIBE_CONFIGS"): (_settings(CLUSTER), _first("resources", 0, 0)),
    ("cluster", "ALTER_CONFIGS"): (
        _set(CLUSTER, "log.cleaner.threads", "1"),
        _first("resources", 0, 0),
    ),
    ("cluster", "CLUSTER_ACTION"): (
        lambda _: _copy("__consumer_offsets"),
        _first("topics", 0, 1, 0, 1),
    ),
    # Let through by a topic that one may write to, too.
    ("cluster", "IDEMPOTENT_WRITE"): (
        lambda _: InitProducerIdRequest(None, 10_000),
        _first("error_code"),
    ),
    ("transactional id", "WRITE"): (
        lambda name: InitProducerIdRequest(name, 10_000),
        _first("error_code"),
    ),
}

OPERATIONS: dict[str, list[str]] = {}
"""What is asked of each kind of thing."""
for _kind, _operation in _TRIES:
    OPERATIONS.setdefault(_kind, []).append(_operation)
