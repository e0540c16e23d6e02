"""Failures: each says one sentence to the person who can act on it."""

import pytest

from domain.errors import (
    Contended,
    CorruptStream,
    FarmanError,
    Flaw,
    Misused,
    Refused,
    Unaccepted,
    Unavailable,
    Unknown,
)


@pytest.mark.parametrize(
    "kind", [Refused, Unknown, Misused, Contended, CorruptStream, Unavailable, Unaccepted]
)
def test_a_failure_is_its_sentence(kind: type[FarmanError]) -> None:
    failure = kind("The desk is vacant.")
    assert failure.reason == str(failure) == "The desk is vacant."
    assert isinstance(failure, FarmanError)


def test_what_is_not_accepted_names_all_that_is_wrong() -> None:
    flaws = [Flaw(3, "rank", "23", "no rank"), Flaw(None, "units", "hq", "no root")]
    assert Unaccepted("Two lines are wrong.", flaws).problems == tuple(flaws)
    assert Unaccepted("It is no roll.").problems == ()
