"""A region's inbox: what HQ sends down, read by a Faust app.

In: the link's ``down`` topic. Out: copies in the region's ledger, and what follows from them.
Safe: in the shape that was measured to lose nothing: one agent, one batch after another, one
transaction a batch, nothing raised out of the agent, a codec that never raises. What Faust may
lose all the same (a batch that a stop cuts off) shows as a gap in the numbers and is sent again.

Not used, once for all: Faust's tables, `exactly_once`, Kafka's transactions. Truth is the
ledger's mark; an offset only saves reading.
"""

from functools import partial
from typing import Any

import faust
from faust.serializers.codecs import Codec
from faust.types import TP

from domain.errors import Unavailable
from workers.clock import SWEEP
from workers.kafka import METADATA_AGE
from workers.reading import Reader, Record
from workers.role import Role

AT_ONCE = 500
"""Messages in one transaction, at most,"""
WITHIN = 0.02
"""and the seconds in which they gather."""


class Verbatim(Codec):
    """Gives bytes as they are: what they mean, and whether anything, is found out later."""

    def _loads(self, s: bytes) -> bytes:
        return s

    def _dumps(self, s: bytes) -> bytes:
        return s


async def down(role: Role) -> None:
    """Read until the worker is to end."""
    (link,) = await role.links()
    if not await role.may(link):
        raise Unavailable(f"The link {link} cannot be read.")
    reader = Reader(role, link)
    source = TP(role.ends.topic(link, "reads"), 0)
    app = made(role, reader, source)
    try:
        await app.start()
        role.works("It reads.")
        while not role.stop.is_set():
            await role.pause(1.0)
            if app.should_stop:
                raise Unavailable(f"Faust gave up ({app.crash_reason!r}); it is begun anew.")
            await rewind(app, source)
            await reader.look()
    finally:
        await app.stop()
        await reader.close()


def made(role: Role, reader: Reader, source: TP) -> faust.App:
    """Make the app that reads one topic."""
    codec = Verbatim()
    app = faust.App(
        role.ends.group,
        **role.kafka.faust(),
        datadir=role.office.home.path / "faust",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        # A topic that is made anew is found by then; at Faust's own setting after five minutes.
        consumer_metadata_max_age_ms=METADATA_AGE,
        # Who comes back under his old name within the session goes on at once.
        consumer_group_instance_id=role.ends.group,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=10.0,
        broker_max_poll_interval=600.0,
        producer_request_timeout=10.0,
    )
    topic = app.topic(
        source.topic, key_type=bytes, key_serializer=codec, value_serializer=codec
    )

    @app.agent(topic, concurrency=1)
    async def read(stream: Any) -> None:  # its protocol lacks `take_events`
        async for events in stream.take_events(AT_ONCE, within=WITHIN):
            records = [Record(one.message.headers, one.message.value) for one in events]
            level = events[-1].message.offset + 1 >= app.consumer.highwater(source)
            # Nothing leaves this body: Faust would take the batch for done.
            await role.until_done(partial(reader.read, records, level=level), reader.link)

    async def wake() -> None:
        role.sweep.set()

    app.timer(SWEEP)(wake)
    app.finalize()
    return app


async def rewind(app: faust.App, source: TP) -> None:
    """Read a topic from its beginning where it was made anew.

    Faust passes over each message whose place lies before the last that it read, silently: in
    a topic made anew all of them, until it has grown as long as the old one was.
    """
    consumer: Any = app.consumer
    end, read = consumer.highwater(source), consumer._read_offset[source]  # noqa: SLF001 - no other way to see it
    if end is None or read is None or end >= read:
        return
    for kept in ("_gap", "_acked", "_acked_index", "_committed_offset"):
        getattr(consumer, kept).pop(source, None)
    await consumer.seek(source, 0)
