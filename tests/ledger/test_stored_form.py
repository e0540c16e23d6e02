"""The stored forms: written as the golden files have them, to the byte, and read for ever."""

import json
import re
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from annotated_types import Gt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError
from typing_extensions import is_typeddict

from domain import directive, roll, service
from domain.deadline import Due
from domain.errors import CorruptStream, Refused
from domain.fact import Fact
from ledger import codec
from ledger.codec import FACTS, LARGEST, decode, encode
from tests.examples import (
    AMENDED_TEXT,
    BARE,
    BY_OFFICER,
    EXAMPLES,
    PLAIN_TERMS,
    SWAT,
    about,
    example,
)
from tests.spec import examples

GOLDEN = Path(__file__).parents[1] / "golden"
WRITTEN = (*EXAMPLES, *BARE)
LINE = re.compile(rb'\{"name":"([a-z_.]+@[0-9]+)","state":(\{.*\})\}')
LARGEST_INTEGER = 2**53 - 1


def thing(fact: Fact) -> str:
    """What a fact is about: the first word of its stored name."""
    return fact.stored.partition(".")[0]


THINGS = sorted({thing(fact) for fact in WRITTEN})


def line(fact: Fact) -> bytes:
    return b'{"name":"%s","state":%s}' % (fact.stored.encode(), encode(fact))


def lines(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield stored name and stored bytes, as they stand in the file."""
    for number, text in enumerate(file.read_bytes().splitlines(), start=1):
        found = LINE.fullmatch(text)
        assert found, f"{file.name}:{number} is no golden line"
        yield found[1].decode(), found[2]


# --- Golden ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", THINGS)
def test_facts_are_written_exactly_as_before(name: str) -> None:
    written = [line(fact) for fact in WRITTEN if thing(fact) == name]
    assert written == (GOLDEN / f"{name}.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("name", THINGS)
def test_facts_written_before_are_still_read(name: str) -> None:
    read = [decode(stored, state) for stored, state in lines(GOLDEN / f"{name}.jsonl")]
    assert read == [fact for fact in WRITTEN if thing(fact) == name]


def test_facts_of_the_past_are_still_read() -> None:
    for file in sorted((GOLDEN / "past").glob("*.jsonl")):
        for stored, state in lines(file):
            assert decode(stored, state).stored in FACTS


def test_there_is_no_golden_file_of_an_unknown_thing() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("*.jsonl")) == THINGS


def test_every_fact_has_a_golden_line() -> None:
    golden = {name for file in GOLDEN.glob("*.jsonl") for name, _ in lines(file)}
    assert golden == set(FACTS)
    assert sorted(fact.stored for fact in EXAMPLES) == sorted(FACTS)


def descendants(cls: type[Fact]) -> Iterator[type[Fact]]:
    for below in cls.__subclasses__():
        yield below
        yield from descendants(below)


def test_every_fact_of_the_domain_can_be_stored_under_a_name_of_its_own() -> None:
    named = [cls for cls in descendants(Fact) if "stored" in vars(cls)]
    assert {cls.stored: cls for cls in named} == dict(FACTS)
    assert len(named) == len(FACTS)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+@[1-9][0-9]*", name) for name in FACTS)


def test_what_can_be_left_unsaid_is_left_unsaid_in_one_of_the_examples() -> None:
    optional = {cls for cls in FACTS.values() if unsaid(cls)}
    assert {type(fact) for fact in BARE} >= optional


def unsaid(cls: type[Fact]) -> list[str]:
    return [name for name, field in cls.model_fields.items() if not field.is_required()]


@pytest.mark.parametrize("cls", FACTS.values(), ids=FACTS)
def test_the_example_of_a_fact_says_all_it_can(cls: type[Fact]) -> None:
    fact = example(cls)
    missing = [
        name
        for name in unsaid(cls)
        if getattr(fact, name) == cls.model_fields[name].get_default()
    ]
    assert missing == []


# --- Canonical -------------------------------------------------------------------------


def canonical(state: bytes) -> bytes:
    """Write the same object anew as RFC 8785 does, refusing what it cannot keep exactly."""

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in found]
        assert len(set(keys)) == len(keys), f"a key comes twice: {keys}"
        assert all(key.isascii() for key in keys), f"not ASCII: {keys}"
        assert None not in [value for _, value in found], f"a null: {found}"
        return dict(found)

    def whole(text: str) -> int:
        assert abs(int(text)) <= LARGEST_INTEGER, text
        return int(text)

    def never(text: str) -> float:
        raise AssertionError(f"{text} is no integer")

    body = json.loads(
        state,
        object_pairs_hook=pairs,
        parse_int=whole,
        parse_float=never,
        parse_constant=never,
    )
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("fact", WRITTEN, ids=lambda fact: fact.stored)
def test_what_is_written_is_canonical_as_it_stands(fact: Fact) -> None:
    state = encode(fact)
    assert state == canonical(state)


def test_the_order_in_which_words_came_changes_no_byte() -> None:
    one = example(directive.Amended).model_copy(
        update={"terms": PLAIN_TERMS.model_copy(update={"subject": {"en": "a", "ur": "b"}})}
    )
    two = one.model_copy(
        update={"terms": PLAIN_TERMS.model_copy(update={"subject": {"ur": "b", "en": "a"}})}
    )
    assert encode(one) == encode(two)


def test_an_integer_that_not_every_reader_keeps_is_never_written() -> None:
    fact = example(directive.Amended)
    assert encode(fact.model_copy(update={"version": LARGEST_INTEGER}))
    with pytest.raises(TypeError, match="53-bit"):
        encode(fact.model_copy(update={"version": LARGEST_INTEGER + 1}))


def test_a_fact_is_written_the_same_whether_it_was_validated_or_not() -> None:
    for fact in WRITTEN:  # an importer's thousands of lines are not validated twice
        assert encode(type(fact).model_construct(**vars(fact))) == encode(fact)


@pytest.mark.parametrize(
    "said",
    [{"rank": 7.5}, {"rank": float("nan")}, {"phone": None}, {"فون": "12"}],
    ids=["float", "not a number", "null", "key that is not ASCII"],
)
def test_what_could_not_be_written_canonically_is_no_fact(said: dict[str, object]) -> None:
    officer: Any = {"officer": "C-1", "name": "Danish Koshawal", "rank": 7} | said
    with pytest.raises(ValidationError):
        roll.Mustered(**about(), unit=SWAT, officers=[officer])


def test_a_language_is_named_in_ascii() -> None:
    with pytest.raises((ValidationError, TypeError, Refused)):
        encode(
            directive.Amended(
                **about(),
                version=2,
                material=False,
                terms=directive.Terms(subject={"اردو": "حکم"}),
                text=AMENDED_TEXT,
            )
        )


# --- Size ------------------------------------------------------------------------------


def of_size(size: int, letter: str) -> Fact:
    """An answer whose stored form has exactly that many bytes."""
    empty = service.Read(**BY_OFFICER, note="")
    room, width = size - len(encode(empty)), len(letter.encode())
    return empty.model_copy(update={"note": letter * (room // width) + "." * (room % width)})


@pytest.mark.parametrize("letter", ["x", "ی"])
def test_an_entry_of_512_kib_is_written_and_a_larger_one_refused(letter: str) -> None:
    assert len(encode(of_size(LARGEST, letter))) == LARGEST == 512 * 1024
    with pytest.raises(Refused) as no:
        encode(of_size(LARGEST + 1, letter))
    assert no.value.reason == (
        "This service.read would be 524,289 bytes; an entry holds at most 524,288. "
        "Shorten its text."
    )


# --- Reading ---------------------------------------------------------------------------


def test_an_unknown_name_says_upgrade() -> None:
    with pytest.raises(CorruptStream) as fault:
        decode("service.saluted@1", b"{}")
    assert fault.value.reason == (
        "The ledger holds 'service.saluted@1', which this Farman does not understand: it was "
        "written by a newer one. Upgrade."
    )


def test_a_later_version_of_a_known_fact_says_upgrade() -> None:
    with pytest.raises(CorruptStream, match=r"'service\.read@2'.*Upgrade\.$"):
        decode("service.read@2", encode(service.Read(**BY_OFFICER)))


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"[]",
        b"not json",
        b'{"actor":"x"}',
        encode(service.Read(**BY_OFFICER))[:-1] + b',"mood":"good"}',
        encode(service.Read(**BY_OFFICER)).replace(b"+05:00", b""),
    ],
    ids=["nothing", "a list", "no JSON", "too little", "too much", "an instant without a zone"],
)
def test_bytes_that_are_no_such_fact_are_a_corrupt_stream(state: bytes) -> None:
    with pytest.raises(
        CorruptStream, match=r"^An entry 'service\.read@1' does not read as one"
    ):
        decode("service.read@1", state)


def test_an_old_version_is_lifted_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_version(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "service.read@1", body | {"version": 1}

    def renamed(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "service.seen@1", {k: v for k, v in body.items() if k != "mood"}

    monkeypatch.setitem(codec.UPCASTERS, "service.seen@1", with_version)
    monkeypatch.setitem(codec.UPCASTERS, "service.seen@0", renamed)
    read = service.Read(**BY_OFFICER)
    body = json.loads(encode(read))
    del body["version"]
    assert decode("service.seen@1", json.dumps(body).encode()) == read
    assert decode("service.seen@0", json.dumps(body | {"mood": "good"}).encode()) == read


# --- Any fact --------------------------------------------------------------------------

ZONES = st.sampled_from(
    [UTC, timezone(timedelta(hours=5)), timezone(-timedelta(hours=9, minutes=30))]
    + [ZoneInfo(name) for name in ("Asia/Karachi", "Asia/Kabul", "Europe/London")]
)
# An hour that a zone has twice is, to Python, equal to no instant of another zone (PEP 495).
INSTANTS = st.datetimes(datetime(1947, 8, 14), datetime(2199, 1, 1), timezones=ZONES).filter(  # noqa: DTZ001 - in a zone that is drawn
    lambda at: at == at.astimezone(UTC)
)
INTEGERS = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LANGUAGES = st.dictionaries(st.sampled_from(["en", "ur", "ps", "sd"]), TEXTS, max_size=3)
DUES = st.builds(Due, at=INSTANTS) | st.builds(
    Due,
    clock=st.sampled_from(["issue", "receipt", "service"]),
    within=st.integers(1, LARGEST_INTEGER),
)


def of(kind: Any, above: tuple[object, ...] = ()) -> st.SearchStrategy[Any]:
    """Return a strategy for whatever an annotation of a fact allows."""
    kind = getattr(kind, "__supertype__", kind)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return of(inside[0], inside[1:])
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of, inside))
    if origin is Literal:
        return st.sampled_from(inside)
    if origin is tuple:
        return st.lists(of(inside[0]), max_size=3).map(tuple)
    if origin is list:
        return st.lists(of(inside[0]), max_size=3)
    if kind == dict[str, str]:
        return LANGUAGES
    if origin is dict:
        return st.dictionaries(st.sampled_from(["decides", "scope"]), of(inside[1]), max_size=2)
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return st.fixed_dictionaries({}, optional={name: of(hints[name]) for name in hints})
    if kind is Due:
        return DUES
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return st.builds(
            kind,
            **{
                name: of(field.annotation, tuple(field.metadata))
                for name, field in fields.items()
            },
        )
    plain: dict[Any, st.SearchStrategy[Any]] = {
        AwareDatetime: INSTANTS,
        str: TEXTS,
        int: st.integers(1, LARGEST_INTEGER) if Gt(0) in above else INTEGERS,
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain[kind]


ANY_FACT = st.sampled_from(list(FACTS.values())).flatmap(of)


@given(ANY_FACT)
@examples(300)
def test_any_fact_is_read_as_it_was_written(fact: Fact) -> None:
    state = encode(fact)
    read = decode(fact.stored, state)
    assert read == fact
    assert encode(read) == state


@given(ANY_FACT)
@examples(300)
def test_any_fact_is_written_canonically(fact: Fact) -> None:
    state = encode(fact)
    assert state == canonical(state)


def test_an_instant_keeps_its_zone_to_the_second() -> None:
    mean_time = timezone(timedelta(hours=4, minutes=28, seconds=12))  # Karachi until 1907
    fact = service.Read(**BY_OFFICER | {"at": datetime(1906, 1, 1, tzinfo=mean_time)})
    assert decode(fact.stored, encode(fact)).at == fact.at
