"""What the two sources ask of the force, each rule through the command line.

The rows are those of `docs/reference/rules.md`; here are the rules that no other test has for
its subject. `tests/test_rules.py` holds that none is without one.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from console import failures
from tests.console.conftest import (
    ELEVEN,
    LEAVE,
    MORNING,
    NEXT_NOON,
    ORDER,
    TEN,
    Farman,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
INTERIOR = """\
---
citation: 4/2019-Media
from: {en: Ministry of Interior}
date: 2019-12-20
form: signed
subject: {en: Social media in attached departments}
clauses: [{id: media, kind: prohibition, text: {en: Nothing official is posted.}}]
---
## en
Nothing official is posted.
"""

REPORT = (
    "  - {id: report, kind: return_due, from: [region, district],"
    " due: {clock: receipt, within: P7D}}\n"
)
"""Who owes a return, and by when."""


def order(more: str = "", *edits: tuple[str, str]) -> str:
    """Return the order of the small force with more front matter and with edits."""
    text = ORDER
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text.replace("---\n## en", f"{more}---\n## en")


def issue(farman: Farman, text: str, name: str = "other.md") -> str:
    """Issue a directive from its text; return its id."""
    Path(name).write_text(text, encoding="utf-8")
    result = farman("issue", name, "--json")
    assert result.code == 0, result
    return str(result.json["directive"])


def done(farman: Farman, *words: str) -> Any:
    """Give a command that is carried out; return its answer."""
    result = farman(*words, "--json")
    assert result.code == 0, result
    return result.json


def officers(farman: Farman, ref: str, *words: str) -> dict[str, dict[str, Any]]:
    return {row["officer_id"]: row for row in done(farman, "officers", ref, *words)["officers"]}


def written(farman: Farman, name: str) -> list[dict[str, Any]]:
    """Return the stored facts of a name, in the order of the ledger."""
    done(farman, "export", "--what", "entries", "--format", "jsonl", "--out", "e.jsonl")
    lines = [json.loads(line) for line in Path("e.jsonl").read_text("utf-8").splitlines()]
    return [json.loads(line["state"]) for line in lines if line["name"].startswith(f"{name}@")]


# -- Khyber Pakhtunkhwa, January 2020


def test_a_leaked_text_is_no_order_until_it_is_issued(manned: Farman) -> None:
    leaked = manned("authentic", "order.md", "--json")
    assert (leaked.code, leaked.json["authentic"]) == (failures.NO, False)
    issue(manned, ORDER, "order.md")
    assert done(manned, "authentic", "order.md")["number"] == "1/2020"


def test_an_immediate_order_runs_from_its_receipt_and_not_from_its_issue(
    manned: Farman,
) -> None:
    slow = ("precedence: immediate", "precedence: immediate\nforward: on_acknowledgement")
    ref = issue(manned, order("", slow))
    done(manned, "relay", "acknowledge", ref, "malakand", "--by", "ppo", "--now", TEN)
    done(manned, "relay", "acknowledge", ref, "swat", "--now", ELEVEN)
    done(manned, "relay", "acknowledge", ref, "swat-saidu", "--by", "dpo-swat")
    due = {name: row["due_at"] for name, row in officers(manned, ref).items()}
    # Each unit's day begins when the order reached it, an hour after the one above.
    assert due["C-1"] == "2020-01-16T10:00:00+05:00"
    assert due["C-2"] == "2020-01-16T11:00:00+05:00"
    assert done(manned, "comply", ref, "C-2")["changed"] is True
    assert done(manned, "comply", ref, "C-2")["changed"] is False


def test_an_order_says_what_it_is_for(manned: Farman) -> None:
    ref = issue(manned, order("purpose: {en: To end pressure and rumours}\n"))
    assert done(manned, "show", ref)["purpose"] == "To end pressure and rumours"


def test_who_was_added_by_others_contests_and_is_in_breach_of_nothing_when_upheld(
    issued: Farman,
) -> None:
    done(issued, "contest", "1/2020", "C-2", "--reason", "Added by others")
    assert done(issued, "status", "1/2020")["contested"] == 1
    words = ("--decide", "upheld", "--by", "dpo-swat", "--reason", "Two confirm it")
    done(issued, "contest", "1/2020", "C-2", *words)
    late = officers(issued, "1/2020", "--state", "overdue", "--as-of", NEXT_NOON)
    assert sorted(late) == ["C-1", "C-3", "C-4", "D-1"]
    assert officers(issued, "1/2020", "--state", "exempt").keys() == {"C-2"}


def test_whose_a_group_is_makes_it_official(issued: Farman) -> None:
    owner = ("--unit", "swat", "--post", "dpo-swat")
    done(issued, "group", "enter", "Swat Duty", "--platform", "whatsapp", *owner)
    told = done(issued, "group", "check", "whatsapp", "swat duty")
    assert (told["group"]["unit"], told["group"]["post"]) == ("swat", "dpo-swat")
    assert issued("group", "check", "whatsapp", "Swat Friends").code == failures.NO


def test_a_range_of_ranks_is_bound_and_the_inspector_general_is_not_in_it(
    issued: Farman,
) -> None:
    assert officers(issued, "1/2020").keys() == {"C-1", "C-2", "C-3", "C-4", "D-1"}
    refused = issued("proof-of-service", "1/2020", "P-1", "--json").json
    assert (refused["served"], refused["because"]) == (
        False,
        "P-1 has rank BPS-22; it binds BPS-5 to BPS-21.",
    )


def test_compliance_is_a_curve_that_is_asked_of_every_hour(issued: Farman) -> None:
    for at, officer in ((MORNING, "C-1"), (TEN, "C-2"), (TEN, "C-3"), (ELEVEN, "C-4")):
        done(issued, "comply", "1/2020", officer, "--now", at)
    curve = [
        done(issued, "status", "1/2020", "--as-of", at)["complied"]
        for at in ("2020-01-15T08:59:59+05:00", MORNING, TEN, ELEVEN)
    ]
    assert curve == [0, 1, 3, 4]


def test_an_officer_without_a_chair_is_addressed_as_a_person(manned: Farman) -> None:
    done(manned, "post", "relinquish", "dpo-swat")
    done(manned, "officer", "duty", "D-1", "osd")
    done(manned, "officer", "duty", "C-2", "lines")
    ref = issue(manned, ORDER)
    for officer in ("D-1", "C-2"):
        assert done(manned, "proof-of-service", ref, officer)["served"] is True


def test_a_marking_goes_with_the_order(manned: Farman) -> None:
    ref = issue(manned, order("confidentiality: secret\n"))
    assert done(manned, "show", ref)["confidentiality"] == "secret"
    assert "\nSECRET\n" in manned("show", ref).out
    (fact,) = written(manned, "directive.issued")
    assert fact["order"]["terms"]["confidentiality"] == "secret"


def test_a_proof_reveals_one_receipt_and_not_the_roster(issued: Farman) -> None:
    proof = issued("proof-of-service", "1/2020", "C-2", "--json").out
    (served,) = [
        fact for fact in json.loads(proof)["facts"] if fact["name"] == "relay.officers_served"
    ]
    assert served["sentence"] == "swat-saidu served it on 2 officers."
    for other in ("C-1", "C-3", "C-4"):
        assert other not in proof


def test_a_closed_wording_admits_nobody_and_the_open_one_registers_itself(
    manned: Farman,
) -> None:
    ref = issue(
        manned,
        order(
            "  - {id: professional, kind: exception, of: quit, text: {en: Work groups stay.}}\n"
            "  - {id: official, kind: exception, of: quit, open: true, text: {en: So do those"
            " that any officer made.}}\n"
        ),
    )
    enter = ("group", "enter", "Duty", "--platform", "whatsapp", "--unit", "swat")
    under = (*enter, "--post", "dpo-swat", "--under", ref, "--clause")
    assert manned(*under, "professional").code == failures.REFUSED
    assert done(manned, *under, "official")["changed"] is True


def test_compliance_comes_with_its_evidence(issued: Farman) -> None:
    said = "screenshot: we all must exit"
    done(issued, "comply", "1/2020", "C-2", "--evidence", said)
    (fact,) = written(issued, "service.complied")
    assert fact["evidence"] == said
    assert (
        said
        in done(issued, "timeline", "1/2020", "--officer", "C-2")["entries"][-1]["sentence"]
    )


def test_each_hop_is_a_fact_from_whom_to_whom_when_and_by_which_channel(
    issued: Farman,
) -> None:
    received = {fact["sender"]: fact for fact in written(issued, "relay.received")}
    assert received.keys() == {"hq", "malakand", "swat"}
    assert {fact["channel"] for fact in received.values()} == {"rule"}
    assert {to for fact in written(issued, "relay.forwarded") for to in fact["to"]} == {
        "malakand", "hazara", "swat", "swat-saidu"
    }  # fmt: skip
    wording = (1, sha256(ORDER.encode()).hexdigest())
    hops = done(issued, "hops", "1/2020")["hops"]
    assert {(hop["version"], hop["text"]) for hop in hops} == {wording}
    # What was served is in the fact, to the byte.
    served = written(issued, "relay.officers_served")
    assert {(fact["version"], fact["text"]) for fact in served} == {wording}


def test_an_order_similar_to_ours_from_outside_the_chain_is_no_parent_and_binds_nobody(
    manned: Farman,
) -> None:
    Path("interior.md").write_text(INTERIOR, encoding="utf-8")
    done(manned, "instrument", "enter", "interior.md")
    ref = issue(manned, order("lineage: {similar_to: [4/2019-Media]}\n"))
    (cited,) = done(manned, "show", ref)["cites"]
    assert (cited["relation"], cited["kind"], cited["id"]) == (
        "similar_to",
        "instrument",
        "hq-i1",
    )
    assert [row["directive"] for row in done(manned, "status")["directives"]] == [ref]
    breach = ("case", "report", ref, "C-2", "--clause", "media", "--at", MORNING)
    assert manned(*breach, "--evidence", "x").code != 0


def test_what_a_later_version_widens_shows_in_the_diff_of_versions(manned: Farman) -> None:
    ban = order("  - {id: post, kind: prohibition, text: {en: Nothing is posted.}}\n")
    ref = issue(manned, ban)
    wider = ban.replace(
        "kind: prohibition,", "kind: prohibition, unless_permitted: true,"
    ).replace(
        "---\n## en",
        "  - {id: leave, kind: permission_rule, of: post, decider: {head_of: district},"
        " text: {en: Good work is allowed.}}\n---\n## en",
    )
    Path("wider.md").write_text(wider, encoding="utf-8")
    done(manned, "amend", ref, "wider.md", "--now", TEN)
    first, second = done(manned, "show", ref)["versions"]
    assert first["changes"] == []
    changed = {one["field"]: (one["before"], one["after"]) for one in second["changes"]}
    assert changed["clauses.post.more.unless_permitted"] == (None, "true")
    assert changed["clauses.leave"][0] is None
    told = manned("show", ref).out
    assert "clauses.leave is new" in told
    assert "clauses.post.more.unless_permitted: nothing → true" in told


# -- Karachi, September 2024, and its neighbours


def test_what_is_forbidden_on_any_platform_is_no_breach_with_leave(manned: Farman) -> None:
    ref = issue(manned, LEAVE)
    ask = ("permission", "request", ref, "C-2", "--clause", "platforms", "--scope", "uniform")
    done(manned, *ask, "--until", NEXT_NOON, "--why", "A film on road safety")
    done(manned, "permission", "grant", "hq-2020-p1", "--by", "dpo-swat", "--now", TEN)
    breach = ("--clause", "platforms", "--at", ELEVEN, "--evidence", "a video on koo")
    allowed = manned("case", "report", ref, "C-2", *breach, "--now", ELEVEN)
    assert (allowed.code, "had leave for it: hq-2020-p1" in allowed.err) == (
        failures.REFUSED,
        True,
    )
    assert done(manned, "case", "report", ref, "C-3", *breach)["case"] == "hq-2020-c1"
    new = ("account", "enter", "@Swat", "--platform", "koo", "--unit", "swat")
    assert done(manned, *new, "--post", "dpo-swat")["changed"] is True


def test_the_offices_addressed_are_one_thing_and_the_population_bound_another(
    manned: Farman,
) -> None:
    mine = ("issuer: ppo", "issuer: dpo-swat")
    Path("far.md").write_text(order("", mine), encoding="utf-8")
    far = manned("issue", "far.md")
    assert (far.code, "dpo-swat does not command hq" in far.err) == (failures.REFUSED, True)
    narrow = ("addressees: [hq]", "addressees: [malakand, swat]")
    ref = issue(manned, order("", narrow, ("to: 21", "to: 9")))
    told = done(manned, "show", ref)
    assert [one["unit"] for one in told["addressees"]] == ["malakand", "swat"]
    # The desks get it, and those below them are bound: not the DPO himself.
    assert officers(manned, ref).keys() == {"C-1", "C-2", "C-3"}


def test_leave_names_granter_scope_expiry_and_why_it_is_needed(manned: Farman) -> None:
    ref = issue(manned, LEAVE)
    ask = ("permission", "request", ref, "C-2", "--clause", "platforms", "--scope", "vehicles")
    done(manned, *ask, "--until", NEXT_NOON, "--why", "A film on road safety")
    done(manned, "permission", "grant", "hq-2020-p1", "--by", "dpo-swat")
    told = done(manned, "permission", "show", "hq-2020-p1")
    assert told["decided_by"] == {"post": "dpo-swat", "officer_id": "D-1"}
    assert (told["scope"], told["until"], told["why"], told["state"]) == (
        "vehicles",
        NEXT_NOON,
        "A film on road safety",
        "granted",
    )


def test_an_official_account_is_known_by_unit_owner_and_platform(manned: Farman) -> None:
    owner = ("--unit", "swat", "--post", "dpo-swat")
    done(manned, "account", "enter", "@SwatPolice", "--platform", "x", *owner)
    (row,) = done(manned, "account", "list")["accounts"]
    assert (row["platform"], row["name"], row["unit"], row["held_by"]["officer_id"]) == (
        "x",
        "@SwatPolice",
        "swat",
        "D-1",
    )
    assert manned("account", "check", "facebook", "@SwatPolice").code == failures.NO


def test_posting_sharing_and_engaging_are_forbidden_each_by_itself(manned: Farman) -> None:
    verbs = ("post", "share", "engage")
    ref = issue(
        manned,
        order(
            "".join(
                f"  - {{id: {verb}, kind: prohibition, text: {{en: Nobody may {verb} it.}}}}\n"
                for verb in verbs
            )
        ),
    )
    for number, verb in enumerate(verbs, 1):
        breach = ("--clause", verb, "--at", MORNING, "--evidence", "copy of the screen")
        assert (
            done(manned, "case", "report", ref, "C-2", *breach)["case"] == f"hq-2020-c{number}"
        )
    ask = ("permission", "request", ref, "C-2", "--clause", "share", "--scope", "x")
    leave = manned(*ask, "--until", NEXT_NOON, "--why", "x")
    assert (leave.code, "absolute prohibition" in leave.err) == (failures.REFUSED, True)


def test_what_was_posted_before_is_removed_in_seven_days_of_service_or_escalated(
    manned: Farman,
) -> None:
    ref = issue(
        manned, order("", ("clock: receipt, within: P1D", "clock: service, within: P7D"))
    )
    done(manned, "comply", ref, "C-2", "--now", TEN)
    week = "2020-01-22T09:00:00+05:00"
    assert officers(manned, ref)["C-3"]["due_at"] == week
    before = "2020-01-22T08:59:59+05:00"
    assert done(manned, "status", ref, "--as-of", before)["overdue"] == 0
    assert done(manned, "tick", "--now", week)["escalated"] > 0
    assert officers(manned, ref, "--state", "overdue").keys() == {"C-1", "C-3", "C-4", "D-1"}
    assert done(manned, "tick")["escalated"] == 0


def test_a_whole_ban_and_a_conditional_one_are_laid_side_by_side(
    farman: Farman, tmp_path: Path
) -> None:
    """Khyber Pakhtunkhwa bans wholly, Karachi conditionally."""
    shown = {}
    for force, name in (("kp", "kp-2024-09-191"), ("sindh", "karachi-2024-09-policy")):
        home = ("--home", str(tmp_path / force))
        begin = ("--now", "2024-09-10T09:00:00+05:00")
        done(farman, "init", "--rehearsal", *begin, *home)
        done(farman, "force", "import", str(EXAMPLES / f"{force}.yaml"), *home)
        file = str(EXAMPLES / "directives" / f"{name}.md")
        ref = done(farman, "issue", file, *home)["directive"]
        shown[force] = {
            clause["clause"]: clause for clause in done(farman, "show", ref, *home)["clauses"]
        }
    kp, karachi = shown["kp"], shown["sindh"]
    assert kp["platforms"].keys() == karachi["platforms"].keys()
    assert kp["platforms"]["kind"] == karachi["platforms"]["kind"] == "prohibition"
    assert (kp["platforms"]["absolute"], karachi["platforms"]["absolute"]) == (True, False)
    assert karachi["leave"]["of"] == ["platforms"]
    assert not [one for one in kp.values() if one["kind"] == "permission_rule"]


def test_the_accountable_desk_is_scored_on_completeness_and_lateness(manned: Farman) -> None:
    ref = issue(manned, order(REPORT))
    done(manned, "comply", ref, "C-2")
    late = "2020-01-23T09:00:00+05:00"
    words = ("return", "submit", ref, "swat", "--by", "dpo-swat", "--claimed", "2")
    done(manned, *words, "--now", late)
    (score,) = done(manned, "return", "scores", "--post", "dpo-swat")["scores"]
    assert (score["officer_id"], score["owed"], score["late"]) == ("D-1", 1, 1)
    assert score["mean_late_seconds"] == 86_400
    # What he claimed beside what is known.
    assert (score["claimed"], score["known"]) == (2, 1)


def test_an_adopting_act_binds_those_on_duty_and_whoever_returns_to_it(manned: Farman) -> None:
    Path("interior.md").write_text(INTERIOR, encoding="utf-8")
    done(manned, "instrument", "enter", "interior.md")
    done(manned, "officer", "duty", "C-2", "leave")
    ref = issue(
        manned,
        order("lineage: {adopts: [4/2019-Media]}\n", ("to: 21}}", "to: 21}, duty: [on_duty]}")),
    )
    (cited,) = done(manned, "show", ref)["cites"]
    assert (cited["relation"], cited["id"]) == ("adopts", "hq-i1")
    assert "C-2" not in officers(manned, ref)
    done(manned, "officer", "duty", "C-2", "on_duty", "--now", TEN)
    assert officers(manned, ref)["C-2"]["served_at"] == TEN


def test_an_order_names_the_incident_that_gave_rise_to_it(manned: Farman) -> None:
    ref = issue(manned, order("incident: {en: A video in uniform spread}\n"))
    assert done(manned, "show", ref)["incident"] == "A video in uniform spread"
    assert "What gave rise to it: A video in uniform spread" in manned("show", ref).out


# -- What public coverage adds


@pytest.mark.parametrize("number", ["2737/IAB", "1169-74/CPO/IAB", "191 PA/DIG/HQrs"])
def test_an_offices_own_number_is_a_label_beside_the_serial(
    manned: Farman, number: str
) -> None:
    assert issue(manned, order("", ("number: auto", f"number: {number}"))) == "hq-2020-1"
    assert done(manned, "status", f"  {number} ")["number"] == number
    assert issue(manned, order("", ("number: auto", "number: auto # the next"))) == "hq-2020-2"
    assert done(manned, "status", "2/2020")["directive"] == "hq-2020-2"


def test_a_return_is_owed_within_a_week_of_its_receipt(manned: Farman) -> None:
    ref = issue(manned, order(REPORT))
    rows = done(manned, "return", "list", ref)["returns"]
    assert {row["unit"] for row in rows} == {"malakand", "swat", "hazara"}
    assert {row["due_at"] for row in rows} == {"2020-01-22T09:00:00+05:00"}


def test_a_district_shortens_seven_days_to_three_and_no_other_is_late_then(
    manned: Farman,
) -> None:
    ref = issue(manned, order("", ("within: P1D", "within: P7D")))
    tighten = ("relay", "tighten", ref, "swat", "--clause", "quit", "--within")
    done(manned, *tighten, "P3D")
    assert manned(*tighten, "P10D").code == failures.REFUSED
    fourth = ("--as-of", "2020-01-19T09:00:00+05:00")
    late = officers(manned, ref, "--state", "overdue", *fourth)
    assert late.keys() == {"C-1", "C-2", "C-3", "D-1"}


def test_an_old_order_with_another_number_and_date_is_found_out(manned: Farman) -> None:
    old = order("", ("Leave them.", "Dated 3 May 2019. Leave them."))
    issue(manned, old.replace("number: auto", "number: 41/2019"))
    forged = old.replace("3 May 2019", "3 January 2020").replace("auto", "41/2020")
    Path("forged.md").write_text(forged, encoding="utf-8")
    told = manned("authentic", "forged.md", "--json")
    assert (told.code, told.json["number"]) == (failures.NO, "41/2019")
    assert [one["field"] for one in told.json["differences"]] == ["number", "texts.en"]


def test_a_roll_call_states_its_diary_number_and_both_hours(issued: Farman) -> None:
    Path("call.csv").write_text("officer_id,answer\nC-2,\nC-3,absent\n", encoding="utf-8")
    held = ("--diary", "14", "--held-at", TEN, "--now", ELEVEN)
    done(issued, "roll-call", "1/2020", "swat-saidu", "call.csv", *held)
    (fact,) = written(issued, "roll_call.held")
    assert (fact["diary"], fact["at"]) == ("14", TEN)
    told = done(issued, "timeline", "1/2020")["entries"][-1]
    assert (told["at"], told["recorded_at"]) == (TEN, ELEVEN)
