"""The door: many senders at once, each decided on its own and answered on its own."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from domain import service
from domain.errors import Contended, Refused
from domain.fact import UnitId
from office.answers import Ask, Job, RollCall
from office.door import Door, Outcomes
from office.office import Office
from office.work import Work, working
from tests.examples import HQ, SAIDU
from tests.projections.small import after, listed, manned, order, text

REF = "hq-2020-1"
SENDERS = tuple(f"S-{n:03}" for n in range(200))
NOT_SERVED = "The officer has not been served this directive."
Command = Callable[[Work], list[Outcomes]]


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[Office]:
    """It is three o'clock; a directive was served on two hundred officers at nine."""
    with manned(tmp_path / "home", store_url) as opened:
        opened.import_roll([listed(officer, SAIDU) for officer in SENDERS])
        opened.issue(order(HQ), text(1))
        opened.now = after(6)
        yield opened


def ask(
    officer: str,
    kind: str = "acknowledged",
    at: datetime | None = None,
    note: str | None = None,
) -> Ask:
    return Ask(REF, officer, kind, at or after(5), note=note)


def job(*asks: Ask) -> Job:
    return Job(asks)


@dataclass
class Writer:
    """What the door's thread calls: one transaction a call, counted, or spoilt on purpose."""

    office: Office
    spoil: Callable[[int, Work], None] = lambda _call, _work: None
    calls: int = 0
    committed: list[int] = field(default_factory=list)
    """Outcomes of each transaction that was committed."""

    def __call__(self, command: Command) -> list[Outcomes]:
        self.calls += 1
        with working(self.office.store, "hq", self.office.now) as work:
            self.spoil(self.calls, work)
            outcomes = command(work)
        self.committed.append(len(outcomes))
        return outcomes


async def submitted(door: Door, jobs: Sequence[Job]) -> list[Outcomes]:
    """Hand in every job at once, each from a task of its own."""
    return list(await asyncio.gather(*(door.submit(one) for one in jobs)))


async def told(door: Door, jobs: Sequence[Job]) -> list[Outcomes | BaseException]:
    """Hand in every job at once; an error is an answer too."""
    return list(
        await asyncio.gather(*(door.submit(one) for one in jobs), return_exceptions=True)
    )


def acknowledged(office: Office) -> set[str]:
    """Who has acknowledged, as another process sees it."""
    with Office(office.home, office.now) as other:
        found = other.officers(REF, state="acknowledged", limit=1_000)["officers"]
    return {row["officer_id"] for row in found}


async def test_many_senders_share_transactions_and_each_is_answered(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer) as door:
        answers = await submitted(door, [job(ask(officer)) for officer in SENDERS])
    assert answers == [[True]] * 200
    assert writer.calls < 20
    assert acknowledged(office) == set(SENDERS)


async def test_each_is_decided_on_its_own(office: Office) -> None:
    async with office.door() as door:
        await door.submit(job(ask("S-001")))
        answers = await submitted(
            door,
            [
                job(ask("S-000")),
                job(ask("S-001")),
                job(ask("S-001", at=after(4))),
                job(ask("nobody")),
                job(ask("S-002", at=after(7))),
                job(ask("S-003", at=after(-1))),
                job(ask("S-004"), ask("S-004", "read"), ask("S-004", "complied")),
                job(),
            ],
        )
    assert answers == [
        [True],
        [False],
        [True],
        [NOT_SERVED],
        ["The instant lies more than five minutes after the clock."],
        ["The instant lies before the directive was issued."],
        [True, False, True],
        [],
    ]


async def test_a_refusal_does_not_disturb_its_neighbours(office: Office) -> None:
    jobs = [job(ask(officer if n % 3 else f"X-{n}")) for n, officer in enumerate(SENDERS)]
    async with office.door() as door:
        answers = await submitted(door, jobs)
    assert answers == [[True] if n % 3 else [NOT_SERVED] for n in range(200)]
    assert acknowledged(office) == {officer for n, officer in enumerate(SENDERS) if n % 3}


async def test_an_answer_too_long_for_an_entry_is_refused_alone(office: Office) -> None:
    jobs = [job(ask(officer)) for officer in SENDERS[:5]]
    jobs[2] = job(ask("S-002", note="x" * 600_000))
    async with office.door() as door:
        answers = await told(door, jobs)
    spoken = answers.pop(2)
    assert answers == [[True]] * 4
    reason = spoken.reason if isinstance(spoken, Refused) else spoken
    assert reason == ["A note or evidence holds at most 10,000 characters."]
    assert acknowledged(office) == set(SENDERS[:5]) - {"S-002"}


async def test_of_duplicates_at_once_exactly_one_is_new(office: Office) -> None:
    jobs = [job(ask(f"S-{n % 20:03}")) for n in range(200)]
    async with office.door() as door:
        answers = await submitted(door, jobs)
    for officer in range(20):
        mine = [answers[n][0] for n in range(officer, 200, 20)]
        assert mine == [True] + [False] * 9
    told = [one["name"] for one in office.timeline(REF, officer="S-000")["entries"]]
    assert told == [
        "directive.issued",
        "directive.authorised",
        "relay.officers_served",
        "service.acknowledged",
    ]


async def test_answers_of_one_officer_are_decided_in_the_order_they_came(
    office: Office,
) -> None:
    hours = [5, 4, 4.5, 3, 3]
    async with office.door() as door:
        answers = await submitted(door, [job(ask("S-000", at=after(h))) for h in hours])
    assert answers == [[True], [True], [False], [True], [False]]
    (row,) = office.officers(REF, after="R-2", limit=1)["officers"]
    assert (row["officer_id"], row["acknowledged_at"]) == ("S-000", after(3))


async def test_a_roll_call_is_one_job_among_answers(office: Office) -> None:
    names = ("S-000", "S-001", "nobody")
    call = RollCall(REF, after(5), UnitId(SAIDU), "2020-01-15", "12", "clerk:swat-saidu")
    held = Job([ask(officer) for officer in names], call)
    async with office.door() as door:
        answers = await submitted(door, [job(ask("S-001")), held, job(ask("S-000"))])
    assert answers == [[True], [True, False, NOT_SERVED], [False]]


async def test_no_transaction_holds_more_jobs_than_it_may(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer, batch=50) as door:
        answers = await submitted(door, [job(ask(officer)) for officer in SENDERS])
    assert answers == [[True]] * 200
    assert sum(writer.committed) == 200
    assert max(writer.committed) == 50


async def test_an_answer_is_durable_when_it_is_given(office: Office) -> None:
    async with office.door() as door:
        for officer in SENDERS[:5]:
            assert await door.submit(job(ask(officer))) == [True]
            assert officer in acknowledged(office)


async def test_leaving_the_door_answers_all_who_wait(office: Office) -> None:
    async with office.door() as door:
        waiting = [asyncio.create_task(door.submit(job(ask(who)))) for who in SENDERS]
        await asyncio.sleep(0)
    assert [await one for one in waiting] == [[True]] * 200


# --- Gathering -------------------------------------------------------------------------
#
# The door is told to gather for longer than a test may take: what is answered was not kept.

LONG = 600.0


async def answered(*submits: asyncio.Task[Outcomes]) -> list[Outcomes]:
    async with asyncio.timeout(60):
        return [await one for one in submits]


def handed_in(door: Door, *officers: str) -> list[asyncio.Task[Outcomes]]:
    return [asyncio.create_task(door.submit(job(ask(officer)))) for officer in officers]


async def test_who_asks_one_after_the_other_is_not_kept_waiting(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer, gather=LONG) as door:
        for officer in SENDERS[:3]:
            assert await answered(*handed_in(door, officer)) == [[True]]
    assert writer.committed == [1, 1, 1]


async def test_those_who_come_back_together_go_in_together(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer, gather=LONG) as door:
        for start in range(0, 30, 10):
            await answered(*handed_in(door, *SENDERS[start : start + 10]))
    assert writer.committed == [10, 10, 10]


async def test_few_wait_for_as_many_as_were_answered_last(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer, gather=LONG) as door:
        await answered(*handed_in(door, *SENDERS[:3]))
        early = handed_in(door, *SENDERS[3:5])
        await asyncio.sleep(0.3)
        assert writer.committed == [3]
        assert await answered(*early, *handed_in(door, "S-005")) == [[True]] * 3
    assert writer.committed == [3, 3]


async def test_few_wait_no_longer_than_the_door_gathers(office: Office) -> None:
    writer = Writer(office)
    async with Door(writer, gather=0.1) as door:
        await answered(*handed_in(door, *SENDERS[:3]))
        assert await answered(*handed_in(door, "S-003")) == [[True]]
    assert writer.committed == [3, 1]


async def test_a_door_that_closes_waits_for_nobody(office: Office) -> None:
    writer = Writer(office)
    async with asyncio.timeout(60), Door(writer, gather=LONG) as door:
        await answered(*handed_in(door, *SENDERS[:3]))
        last = handed_in(door, "S-003")
        await asyncio.sleep(0.1)
    assert await answered(*last) == [[True]]
    assert writer.committed == [3, 1]


# --- Another writer --------------------------------------------------------------------
#
# Whoever writes holds the store's lock from before he reads, so a batch cannot be overtaken
# while that holds. Here a transaction is made to believe in a version that is taken, as one
# that read before another's commit would: the database itself then refuses the entry.


def overtaken(officer: str, *calls: int) -> Callable[[int, Work], None]:
    """In these calls (none: in each) take an officer's stream for one without entries."""

    def spoil(call: int, work: Work) -> None:
        if not calls or call in calls:
            work._versions[service.stream(REF, officer, "hq")] = 0

    return spoil


async def test_a_batch_that_was_overtaken_is_decided_again_one_by_one(office: Office) -> None:
    office.answer(REF, "S-001", "read", at=after(1))
    writer = Writer(office, overtaken("S-001", 1))
    jobs = [job(ask(officer)) for officer in (*SENDERS[:9], "nobody")]
    async with Door(writer) as door:
        answers = await submitted(door, jobs)
    assert answers == [*[[True]] * 9, [NOT_SERVED]]
    assert writer.committed == [1] * 10
    assert acknowledged(office) == set(SENDERS[:9])


async def test_who_is_overtaken_again_and_again_is_told_and_nobody_else(office: Office) -> None:
    office.answer(REF, "S-001", "read", at=after(1))
    writer = Writer(office, overtaken("S-001"))
    async with Door(writer) as door:
        answers = await told(door, [job(ask(officer)) for officer in SENDERS[:5]])
    assert isinstance(answers.pop(1), Contended)
    assert answers == [[True]] * 4
    assert acknowledged(office) == set(SENDERS[:5]) - {"S-001"}


async def test_nothing_of_an_overtaken_batch_is_kept_twice(office: Office) -> None:
    office.answer(REF, "S-001", "read", at=after(1))
    writer = Writer(office, overtaken("S-001", 1))
    async with Door(writer) as door:
        answers = await submitted(door, [job(ask("S-000")), job(ask("S-001"))] * 3)
    assert answers == [[True], [True], [False], [False], [False], [False]]
    assert all(one["same"] for one in office.check()["projections"])


# --- Senders that go, writers that fail ------------------------------------------------


async def test_a_sender_who_goes_away_disturbs_nobody(office: Office) -> None:
    async with office.door() as door:
        tasks = [asyncio.create_task(door.submit(job(ask(officer)))) for officer in SENDERS]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        late = await door.submit(job(ask("S-000", at=after(4))))
    assert answers[1::2] == [[True]] * 100
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert late == [True]
    assert acknowledged(office) >= set(SENDERS[1::2])


async def test_an_error_reaches_every_sender_and_the_door_goes_on(office: Office) -> None:
    def broken(call: int, _work: Work) -> None:
        if call == 1:
            raise OSError("The disk is on fire.")

    writer = Writer(office, broken)
    async with Door(writer) as door:
        answers = await told(door, [job(ask(officer)) for officer in SENDERS[:9]])
        assert [str(answer) for answer in answers] == ["The disk is on fire."] * 9
        assert acknowledged(office) == set()
        again = await submitted(door, [job(ask(officer)) for officer in SENDERS[:9]])
    assert again == [[True]] * 9


async def test_a_sender_who_went_before_an_error_is_not_missed(office: Office) -> None:
    def broken(_call: int, _work: Work) -> None:
        raise OSError("The disk is on fire.")

    async with Door(Writer(office, broken)) as door:
        tasks = [asyncio.create_task(door.submit(job(ask(who)))) for who in SENDERS[:4]]
        await asyncio.sleep(0)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        asyncio.CancelledError,
        OSError,
        OSError,
        OSError,
    ]


def test_a_commit_without_a_door_is_decided_the_same(office: Office) -> None:
    jobs = [job(ask("S-000")), job(ask("S-000"), ask("nobody"))]
    assert office.commit(jobs) == [[True], [False, NOT_SERVED]]


def test_what_is_new_is_written_down_as_the_officers_own_answer(office: Office) -> None:
    office.commit([job(ask("S-000", note="by phone"))])
    entry = office.timeline(REF, officer="S-000")["entries"][-1]
    assert (entry["stream"], entry["name"], entry["actor"], entry["at"]) == (
        f"service-{REF}.S-000.hq",
        "service.acknowledged",
        "officer:S-000",
        after(5),
    )
