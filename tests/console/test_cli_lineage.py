"""Drift, lineage and effect at the command line, as a person meets them."""

from pathlib import Path

from tests.console.conftest import ORDER, Farman

LATER = "2020-02-20T09:00:00+05:00"
ANEW = ORDER.replace(
    "standing: true",
    "standing: true\npurpose: {en: To end the rumours.}\nlineage:\n  reissues:\n"
    '    - {ref: 1/2020, reason: "Groups were joined again"}',
)
RELAYED = ORDER.replace("issuer: ppo", "issuer: dpo-swat").replace(
    "addressees: [hq]", "addressees: [swat]"
)


def test_a_text_that_says_the_same_is_no_drift(issued: Farman) -> None:
    Path("relayed.md").write_text(RELAYED, encoding="utf-8")
    answer = issued("relay", "drift", "1/2020", "swat", "relayed.md", "--json").json
    assert (answer["differences"], answer["looser"], answer["changed"]) == ([], 0, False)
    told = issued("relay", "drift", "1/2020", "swat", "relayed.md")
    assert "It says the same as the order, clause by clause." in told.out


def test_a_text_that_relaxes_is_refused_with_both_wordings(issued: Farman) -> None:
    Path("relayed.md").write_text(RELAYED.replace("P1D", "P3D"), encoding="utf-8")
    refused = issued("relay", "drift", "1/2020", "swat", "relayed.md")
    assert refused.code == 3
    said = " ".join(refused.err.split())
    assert "“within 1 day of the receipt”, the text “within 3 days of the receipt”" in said


def test_what_went_out_all_the_same_is_noted_once_and_shown(issued: Farman) -> None:
    Path("relayed.md").write_text(RELAYED.replace("P1D", "P3D"), encoding="utf-8")
    words = ("relay", "drift", "1/2020", "swat", "relayed.md", "--record", "--json")
    first, again = issued(*words).json, issued(*words).json
    assert (first["looser"], first["changed"], again["changed"]) == (1, True, False)
    hops = {hop["unit"]: hop for hop in issued("hops", "1/2020", "--json").json["hops"]}
    assert [one["looser"] for one in hops["swat"]["drift"]] == [1]
    assert hops["malakand"]["drift"] == []
    told = issued("timeline", "1/2020", "--unit", "swat", "--json").json["entries"]
    (said,) = [one["sentence"] for one in told if one["name"] == "relay.drift_found"]
    assert said == (
        "The text of dpo-swat, passed on in swat, is looser in 1 place: 'quit', due: the order "
        "has “within 1 day of the receipt”, the text “within 3 days of the receipt”."
    )


def test_an_order_that_passes_another_on_never_relaxes_it(issued: Farman) -> None:
    passed_on = RELAYED.replace("standing: true", "standing: true\nlineage: {relays: [1/2020]}")
    Path("relayed.md").write_text(passed_on.replace("P1D", "P3D"), encoding="utf-8")
    assert issued("issue", "relayed.md").code == 3
    Path("relayed.md").write_text(passed_on.replace("P1D", "PT12H"), encoding="utf-8")
    assert issued("issue", "relayed.md").code == 0


def test_the_line_of_an_order_tells_why_another_letter(issued: Farman) -> None:
    Path("anew.md").write_text(ANEW, encoding="utf-8")
    assert issued("comply", "1/2020", "C-1").code == 0
    assert issued("issue", "anew.md", "--now", LATER).code == 0
    chain = issued("lineage", "1/2020", "--json").json["chain"]
    assert [(one["number"], one["relation"], one["reason"]) for one in chain] == [
        ("1/2020", "root", None),
        ("2/2020", "reissues", "Groups were joined again"),
    ]
    assert [one["complied_percent"] for one in chain] == [20.0, 0.0]
    told = issued("lineage", "2/2020").out
    assert "2/2020 issues anew 1/2020: Groups were joined again." in told
    assert "not yet" in told


def test_the_effect_of_each_issue_is_a_curve_beside_its_purpose(issued: Farman) -> None:
    Path("anew.md").write_text(ANEW, encoding="utf-8")
    assert issued("comply", "1/2020", "C-1").code == 0
    assert issued("issue", "anew.md", "--now", LATER).code == 0
    first, second = issued("effect", "1/2020", "--json").json["chain"]
    assert [point["complied_percent"] for point in first["curve"]] == [20.0, 20.0, 20.0, None]
    assert (first["next_after_days"], second["next_after_days"]) == (36.0, None)
    assert "2/2020 was to achieve: To end the rumours." in issued("effect", "2/2020").out


def test_a_line_of_an_unknown_order_is_not_known(issued: Farman) -> None:
    assert issued("lineage", "9/1999").code == issued("effect", "9/1999").code == 5
