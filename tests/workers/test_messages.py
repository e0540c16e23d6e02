"""Messages: the same bytes each time, CloudEvents to others, garbage named."""

import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger.links import Despatch, Garbage, Heartbeat
from workers import messages
from workers.messages import Message, Signed

DESPATCH = Despatch(
    link="swat",
    number=7,
    writer="swat",
    position=41,
    stream="service-hq-2020-1.C-2.swat",
    version=1,
    name="service.acknowledged@1",
    recorded_at="2020-01-15T05:00:00.000001+00:00",
    hash=bytes(range(32)),
    state='{"at":"2020-01-15T10:00:00+05:00","note":"سوات"}'.encode(),
)

HEARTBEAT = Heartbeat(
    link="swat",
    office="swat",
    beat=1_579_064_400_000,
    head=7,
    head_hash="00" * 32,
    register=9,
    mark=3,
    mark_hash="ff" * 32,
    missing=((4, 5), (9, 9)),
    seen_beat=1_579_064_399_000,
    versions=("service.acknowledged@1",),
    clock=datetime(2020, 1, 15, 5, tzinfo=UTC),
)

GOLDEN = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"swat/41"),
    ("ce_source", b"swat"),
    ("ce_type", b"service.acknowledged@1"),
    ("ce_subject", b"service-hq-2020-1.C-2.swat"),
    ("ce_time", b"2020-01-15T05:00:00.000001+00:00"),
    ("content-type", b"application/json"),
    ("ce_farmanlink", b"swat"),
    ("ce_farmannumber", b"7"),
    ("ce_farmanchain", bytes(range(32)).hex().encode()),
    ("ce_farmanversion", b"1"),
]
"""Frozen: a topic holds such messages for thirty days, and a re-send is the same again."""


def signed(value: bytes) -> str:
    return value[:1].hex() * 64


def read(message: Message) -> Despatch | Signed | Garbage:
    return messages.read("swat", message.headers, message.value)


def test_a_despatch_is_these_headers_and_its_stored_bytes() -> None:
    assert messages.despatched(DESPATCH) == Message(
        b"service-hq-2020-1.C-2.swat", DESPATCH.state, GOLDEN
    )


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
numbers = st.integers(1, 10**16 - 1)


@given(
    st.builds(
        Despatch,
        link=st.just("swat"),
        number=numbers,
        writer=texts,
        position=numbers,
        stream=texts,
        version=numbers,
        name=texts.filter(lambda name: name != messages.BEAT),
        recorded_at=texts,
        hash=st.binary(min_size=32, max_size=32),
        state=st.binary(),
    )
)
def test_what_is_sent_is_what_is_read(despatch: Despatch) -> None:
    assert read(messages.despatched(despatch)) == despatch


def test_another_reader_of_cloudevents_understands_it() -> None:
    message = messages.despatched(DESPATCH)
    event = from_binary(
        KafkaMessage(dict(message.headers), message.key, message.value), JSONFormat()
    )
    assert event.get_attributes() == {
        "specversion": "1.0",
        "id": "swat/41",
        "source": "swat",
        "type": "service.acknowledged@1",
        "subject": "service-hq-2020-1.C-2.swat",
        "time": datetime(2020, 1, 15, 5, 0, 0, 1, tzinfo=UTC),
        "datacontenttype": "application/json",
        "farmanlink": "swat",
        "farmannumber": "7",
        "farmanchain": bytes(range(32)).hex(),
        "farmanversion": "1",
        "partitionkey": "service-hq-2020-1.C-2.swat",
    }
    assert event.get_data() == json.loads(DESPATCH.state)


def test_another_reader_of_cloudevents_understands_a_heartbeat() -> None:
    message = messages.beaten(HEARTBEAT, signed)
    event = from_binary(
        KafkaMessage(dict(message.headers), message.key, message.value), JSONFormat()
    )
    assert (event.get_type(), event.get_source()) == ("farman.heartbeat@1", "swat")


def test_a_heartbeat_is_read_after_its_signature() -> None:
    beat = read(messages.beaten(HEARTBEAT, signed))
    assert isinstance(beat, Signed)
    assert (beat.office, beat.signature) == ("swat", bytes.fromhex(signed(beat.value)))
    assert messages.heartbeat(beat) == HEARTBEAT


@pytest.mark.parametrize(
    ("beat", "reason"),
    [
        ({"value": b"{"}, "no heartbeat: "),
        ({"value": b'{"link": "swat"}'}, "no heartbeat: "),
        ({"office": "hazara"}, "no heartbeat of hazara on the link swat"),
    ],
)
def test_what_is_signed_and_no_heartbeat_is_garbage(
    beat: dict[str, object], reason: str
) -> None:
    good = read(messages.beaten(HEARTBEAT, signed))
    assert isinstance(good, Signed)
    found = messages.heartbeat(good._replace(**beat))  # type: ignore[arg-type]
    assert isinstance(found, Garbage)
    assert found.reason.startswith(reason)


def changed(name: str, value: bytes | None) -> list[tuple[str, bytes]]:
    return [
        (header, text if header != name or value is None else value)
        for header, text in GOLDEN
        if header != name or value is not None
    ]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (None, "the header ce_specversion is missing"),
        ([], "the header ce_specversion is missing"),
        (changed("ce_farmannumber", None), "the header ce_farmannumber is missing"),
        (changed("ce_specversion", b"0.3"), "it is no CloudEvent of version 1.0"),
        (changed("ce_farmannumber", b"0"), "ce_farmannumber holds no number: '0'"),
        (changed("ce_farmannumber", b"07"), "ce_farmannumber holds no number: '07'"),
        (changed("ce_farmannumber", b"-7"), "ce_farmannumber holds no number: '-7'"),
        (changed("ce_farmannumber", "٧".encode()), "ce_farmannumber holds no number: '٧'"),
        (
            changed("ce_farmannumber", b"9" * 17),
            f"ce_farmannumber holds no number: '{'9' * 17}'",
        ),
        (changed("ce_farmanversion", b"one"), "ce_farmanversion holds no number: 'one'"),
        (changed("ce_farmanchain", b"00"), "ce_farmanchain holds no 32 bytes in hex: '00'"),
        (changed("ce_farmanlink", b"hazara"), "it belongs to the link 'hazara'"),
        (changed("ce_id", b"hazara/41"), "ce_id is not ce_source and a position"),
        (changed("ce_id", b"swat"), "ce_id is not ce_source and a position"),
        (changed("ce_id", b"swat/x"), "ce_id holds no number: 'x'"),
        (changed("ce_subject", b"service-\xff.swat"), "a header is no text in UTF-8"),
        (changed("ce_subject", b"service-\0.swat"), "a header holds a zero byte"),
        ([*GOLDEN, ("ce_id", b"swat/41")], "a header stands in it twice"),
        (changed("ce_type", b"farman.heartbeat@1"), "the header ce_farmansignature is missing"),
    ],
)
def test_what_is_no_despatch_says_why(
    headers: list[tuple[str, bytes]] | None, reason: str
) -> None:
    found = messages.read("swat", headers, b"{}")
    assert isinstance(found, Garbage)
    assert found.reason == f"no despatch: {reason}"
    assert (found.link, found.value) == ("swat", b"{}")


@given(
    st.none() | st.lists(st.tuples(st.sampled_from([name for name, _ in GOLDEN]), st.binary())),
    st.none() | st.binary(),
)
def test_reading_never_raises(
    headers: list[tuple[str, bytes]] | None, value: bytes | None
) -> None:
    assert isinstance(messages.read("swat", headers, value), Garbage)
