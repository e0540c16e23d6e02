"""The file of an instrument from outside: read whole, or refused with every fault by line."""

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from console import orders
from console.files import directive_file, instrument_file
from console.files.instrument_file import InstrumentFile
from console.files.problems import BadFile
from tests.console.conftest import ORDER

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = """\
---
citation: 4/2019-Media
from: {en: Ministry of Interior}
date: 2019-12-20
form: signed
subject: {en: Social media}
confidentiality: restricted
purpose: {en: What is official stays so.}
incident: {en: A note was seen.}
clauses:
  - {id: media, kind: prohibition, text: {en: Nothing is posted.}}
---
## en
Nothing is posted.
"""


def faults(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(BadFile) as bad:
        instrument_file.parse(text.encode(), "interior.md")
    return [(one.line, one.column, one.reason) for one in bad.value.problems]


def test_a_good_file_is_read_whole() -> None:
    read = instrument_file.parse(GOOD.encode(), "interior.md")
    (clause,) = read.clauses
    assert read == InstrumentFile(
        file="interior.md",
        sha256=sha256(GOOD.encode()).hexdigest(),
        citation="4/2019-Media",
        sender={"en": "Ministry of Interior"},
        dated=date(2019, 12, 20),
        form="signed",
        subject={"en": "Social media"},
        texts={"en": "Nothing is posted."},
        clauses=(clause,),
        purpose={"en": "What is official stays so."},
        incident={"en": "A note was seen."},
        confidentiality="restricted",
    )
    assert (clause.id, clause.kind) == ("media", "prohibition")
    paper = orders.paper(read)
    assert (paper.dated, paper.form, paper.citation) == ("2019-12-20", "signed", "4/2019-Media")


def test_what_does_not_say_that_it_is_signed_is_only_conveyed() -> None:
    plain = GOOD.replace("form: signed\n", "").replace("citation: 4/2019-Media\n", "")
    read = instrument_file.parse(plain.encode(), "interior.md")
    assert (read.form, read.citation) == ("conveyed", None)


def test_what_is_missing_is_named() -> None:
    assert faults("---\ncitation: x\n---\n## en\nText.\n") == [
        (2, "from", "“from” is missing."),
        (2, "date", "“date” is missing."),
        (2, "subject", "“subject” is missing."),
    ]


def test_a_wrong_key_is_told_with_the_nearest() -> None:
    assert faults(GOOD.replace("citation:", "cittation:")) == [
        (2, "cittation", "There is no field “cittation” here; did you mean “citation”?")
    ]
    ((line, column, reason),) = faults(GOOD.replace("form: signed", "addressees: [hq]"))
    assert (line, column) == (5, "addressees")
    assert reason.startswith("There is no field “addressees” here")


@pytest.mark.parametrize(
    "day", ["2019-12", "20 December 2019", "2019-13-01", "20191220", "1019-01-01", "[2019]"]
)
def test_a_day_is_a_day(day: str) -> None:
    ((line, column, _),) = faults(GOOD.replace("2019-12-20", day))
    assert (line, column) == (4, "date")


def test_a_form_is_signed_or_conveyed() -> None:
    assert faults(GOOD.replace("form: signed", "form: sighned")) == [
        (5, "form", "“sighned” is not known here; did you mean “signed”?")
    ]


def test_all_faults_are_told_at_once() -> None:
    wrong = GOOD.replace("2019-12-20", "soon").replace("{en: Social media}", "Media")
    assert [(line, column) for line, column, _ in faults(wrong)] == [
        (4, "date"),
        (6, "subject"),
    ]


def test_an_order_is_refused_in_one_sentence_that_says_how_it_is_issued() -> None:
    told = (
        "This is an order of the force: it has an “issuer” and no “from”. Issue it with: "
        "farman issue FILE."
    )
    assert faults(ORDER) == [(4, "issuer", told)]


def test_an_instrument_is_no_order() -> None:
    with pytest.raises(BadFile) as bad:
        directive_file.parse(GOOD.encode(), "interior.md")
    told = (
        "This is an instrument from outside, which binds nobody here: it has “from” and no "
        "“issuer”. Enter it with: farman instrument enter FILE."
    )
    assert [(one.line, one.column, one.reason) for one in bad.value.problems] == [
        (3, "from", told)
    ]


@pytest.mark.parametrize(
    "name", ["directives/moi-2019-12-media", "instruments/punjab-2024-09-cm"]
)
def test_the_examples_are_sound(name: str) -> None:
    read = instrument_file.read(EXAMPLES / f"{name}.md")
    assert set(read.texts) == set(read.subject) == set(read.sender) == {"en", "ur"}
    assert read.form == ("signed" if name.startswith("instruments") else "conveyed")
