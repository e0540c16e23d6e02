"""Answers in an office: what is a repeat, whatever became of the order since."""

from pathlib import Path

from tests.examples import HQ
from tests.projections.small import HOURLY, after, manned, order, terms, text

REF = "hq-2020-1"


def test_an_answer_to_an_earlier_wording_sent_again_changes_nothing(
    tmp_path: Path, store_url: str
) -> None:
    with manned(tmp_path, store_url) as office:
        office.issue(order(HQ), text(1))
        office.now = after(5)
        office.amend(REF, terms(HOURLY, subject="Anew"), text(2), material=True, at=after(4))
        assert office.answer(REF, "C-2", "complied", at=after(1))["changed"]
        head = office.head()
        for at in (after(1), after(3)):
            assert not office.answer(REF, "C-2", "complied", at=at)["changed"]
        assert office.head() == head
        assert office.answer(REF, "C-2", "complied", at=after(0.5))["changed"]
        assert office.answer(REF, "C-2", "complied", at=after(4.5))["changed"]
