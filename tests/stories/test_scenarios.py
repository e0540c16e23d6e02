"""Two orders that were really given, on the forces that received them; all persons invented."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from console import orders
from console.commands.force import posts_of, units_of
from console.files import directive_file, force_file
from console.files.roll_file import RollRow
from office.home import Home
from office.office import Office

EXAMPLES = Path(__file__).parents[2] / "examples"
PKT = timezone(timedelta(hours=5))


def at(day: int, hour: int, month: int = 1, year: int = 2020) -> datetime:
    return datetime(year, month, day, hour, tzinfo=PKT)


def man(officer: str, unit: str, rank: int, **more: str) -> RollRow:
    told: dict[str, Any] = dict.fromkeys(RollRow._fields) | {
        "line": 2,
        "officer_id": officer,
        "name": f"Officer {officer}",
        "rank": rank,
        "unit": unit,
    }
    return RollRow(**told | more)


class Story:
    """A rehearsal home, opened anew for each command, as the command line does."""

    def __init__(self, folder: Path, store: str, force: str) -> None:
        self.home = Home.init(folder / "home", store=store, rehearsal=True)
        self.force = force_file.read(EXAMPLES / force)

    @contextmanager
    def on(self, now: datetime) -> Iterator[Office]:
        with Office(self.home, now) as office:
            yield office

    def begin(self, now: datetime, roll: list[RollRow]) -> None:
        with self.on(now) as office:
            office.import_force(
                force=self.force.force,
                name=self.force.name,
                timezone=self.force.timezone,
                since=self.force.since,
                units=units_of(self.force),
                posts=posts_of(self.force),
            )
            office.import_roll(roll)

    def issue(self, now: datetime, name: str) -> dict[str, Any]:
        file = directive_file.read(EXAMPLES / "directives" / name)
        with self.on(now) as office:
            return office.issue(orders.order(file, office.tree()), file.sha256)


def test_the_order_of_january_2020_reaches_khyber_pakhtunkhwa_past_an_empty_desk(
    tmp_path: Path, store_url: str
) -> None:
    story = Story(tmp_path, store_url, "kp.yaml")
    story.begin(
        at(14, 9),
        [
            man("ig", "hq", 22, post="ppo"),
            man("addl", "hq", 21, duty="osd"),
            man("dpo", "swat", 19, post="dpo-swat"),
            man("sho", "swat-ps-1", 16),
            man("constable", "swat-ps-1", 5),
            man("peon", "swat-ps-1", 2),
            man("ccpo", "peshawar", 21, post="ccpo-peshawar"),
        ],
    )
    issued = story.issue(at(15, 10), "kp-2020-01-whatsapp.md")
    # From Additional IG to constable, chair or none: not the IG, not those below the range.
    assert (issued["number"], issued["population"]) == ("1/2020", 5)
    with story.on(at(15, 18)) as office:
        hops = {hop["unit"]: hop for hop in office.hops("1/2020")["hops"]}
        # RPO Malakand's desk is empty; the order passed it in the same instant.
        assert hops["malakand"]["held_by"]["officer_id"] is None
        assert hops["swat-ps-1"]["received_at"] == at(15, 10)
        office.answer("1/2020", "sho", "complied", channel="phone")
        office.contest("1/2020", "constable", "Others added me; I never wrote there.")
        status = office.status("1/2020")
        assert [status[n] for n in ("served", "complied", "contested", "overdue")] == [
            5,
            1,
            1,
            0,
        ]
    with story.on(at(16, 11)) as office:
        # A day after receipt; a contest stops no deadline.
        assert office.status("1/2020", unit="malakand")["overdue"] == 2
        assert office.tick()["escalated"] == 4
        assert office.tick()["escalated"] == 0
        told = office.timeline("1/2020", unit="swat-ps-1")["entries"][-1]["sentence"]
        assert "level 1" in told
        assert "dpo-swat (dpo)" in told
        office.decide_contest("1/2020", "constable", "upheld", "ppo")
        after = office.status("1/2020", unit="swat-ps-1")
        assert [after[n] for n in ("exempt", "contested", "overdue")] == [1, 0, 0]
    with story.on(at(20, 9)) as office:
        # Standing: who is promoted into the range is bound from then on, his day begins at once.
        office.promote("peon", 5)
        assert office.status("1/2020")["population"] == 6
        assert all(one["same"] for one in office.check()["projections"])


def test_the_policy_of_september_2024_follows_an_officer_out_of_karachi(
    tmp_path: Path, store_url: str
) -> None:
    story = Story(tmp_path, store_url, "sindh.yaml")
    story.begin(
        at(1, 9, 9, 2024),
        [
            man("addl", "karachi", 21, post="addl-ig-karachi"),
            man("dig", "karachi-zone-east", 20, post="dig-karachi-zone-east"),
            man("ssp", "karachi-east", 19, post="ssp-karachi-east"),
            man("one", "karachi-east-ps-1", 7),
            man("two", "karachi-east-ps-1", 7),
            man("far", "hyderabad", 20),
        ],
    )
    issued = story.issue(at(10, 9, 9, 2024), "karachi-2024-09-policy.md")
    ref = issued["directive"]
    # Karachi alone, less the Additional IG himself; nothing is served before the desks acknowledge.
    with story.on(at(10, 10, 9, 2024)) as office:
        status = office.status(ref)
        assert (status["population"], status["served"]) == (4, 0)
        office.acknowledge_relay(ref, "karachi-zone-east")
        office.acknowledge_relay(ref, "karachi-east")
        assert office.status(ref, unit="karachi-east")["served"] == 1
    with story.on(at(11, 9, 9, 2024)) as office:
        # The station has no head: after twelve hours the order goes on by rule.
        assert office.tick()["forwarded_by_rule"] > 0
        assert office.status(ref)["served"] == 4
    with story.on(at(14, 9, 9, 2024)) as office:
        office.transfer("one", "hyderabad")
        office.answer(ref, "two", "complied", clause="remove")
    with story.on(at(18, 10, 9, 2024)) as office:
        # Seven days from his own service, wherever he is now: the duty went with him.
        assert office.status(ref, unit="hyderabad")["overdue"] == 1
        assert office.status(ref, unit="karachi-east-ps-1")["overdue"] == 0
        before = office.status(ref, unit="hyderabad", as_of=at(13, 9, 9, 2024))
        assert before["population"] == 0
        (row,) = office.officers(ref, unit="hyderabad")["officers"]
        assert (row["officer_id"], row["due_at"]) == ("one", at(18, 9, 9, 2024))
        office.tick()
        assert {one["unit"] for one in office.overdue()["obligations"]} >= {"hyderabad"}
        assert all(one["same"] for one in office.check()["projections"])
