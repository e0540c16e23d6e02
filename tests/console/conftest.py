"""A small force and its rehearsal home, used through the command line as a person would."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli import run

FORCE = """\
force: kp
name: {en: Khyber Pakhtunkhwa Police, ur: خیبر پختونخوا پولیس}
timezone: Asia/Karachi
since: 2019-01-01
units:
  - {id: hq, kind: hq, name: {en: Central Police Office}}
  - {id: malakand, kind: region, parent: hq, name: {en: Malakand}}
  - {id: swat, kind: district, parent: malakand, name: {en: Swat, ur: سوات}}
  - {id: swat-saidu, kind: station, parent: swat, name: {en: PS Saidu Sharif}}
  - {id: hazara, kind: region, parent: hq, name: {en: Hazara}}
posts:
  - {id: ppo, unit: hq, title: {en: Provincial Police Officer}, rank: 22, head: true}
  - {id: rpo-malakand, unit: malakand, title: {en: RPO Malakand}, rank: 20, head: true}
  - {id: dpo-swat, unit: swat, title: {en: DPO Swat}, rank: 19, head: true}
"""

ROLL = """\
officer_id,name,rank,unit,post,charge
P-1,Aamir Torvala,22,hq,ppo,substantive
D-1,Bilal Wazmeri,19,swat,dpo-swat,substantive
C-1,Danish Koshawal,7,swat,,
C-2,Ehsan Karvandi,7,swat-saidu,,
C-3,Fahad Pirzari,7,swat-saidu,,
C-4,Hina Zarvani,7,hazara,,
"""

ORDER = """\
---
number: auto
subject: {en: Leave unofficial WhatsApp groups}
issuer: ppo
precedence: immediate
addressees: [hq]
population: {rank: {from: 5, to: 21}}
standing: true
clauses:
  - id: quit
    kind: required_act
    text: {en: Leave every group that the police do not run.}
    due: {clock: receipt, within: P1D}
    escalate: [PT0S]
---
## en
Leave them.
"""

LEAVE = """\
---
number: auto
subject: {en: Use of social media}
issuer: ppo
precedence: immediate
addressees: [hq]
clauses:
  - id: platforms
    kind: prohibition
    unless_permitted: true
    text: {en: Nothing is posted in uniform.}
  - id: mockery
    kind: prohibition
    text: {en: Nothing mocks caste or religion.}
  - id: leave
    kind: permission_rule
    of: platforms
    decider: {head_of: district}
    scope: [uniform, vehicles]
    expiry: P30D
    text: {en: Leave is asked for beforehand.}
---
## en
Ask first.
"""

MORNING = "2020-01-15T09:00:00+05:00"
TEN = "2020-01-15T10:00:00+05:00"
ELEVEN = "2020-01-15T11:00:00+05:00"
NEXT_NOON = "2020-01-16T12:00:00+05:00"


@dataclass(frozen=True)
class Result:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Farman = Callable[..., Result]


@pytest.fixture
def farman(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Farman:
    """Run one command line in a folder of its own, with no home but the one it makes."""
    monkeypatch.chdir(tmp_path)
    for name in ("FARMAN_HOME", "FARMAN_STORE", "FARMAN_STORE_FILE", "FARMAN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    for name, text in (("force.yaml", FORCE), ("roll.csv", ROLL), ("order.md", ORDER)):
        (tmp_path / name).write_text(text, encoding="utf-8")

    def call(*words: str) -> Result:
        code = run(words)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return call


@pytest.fixture
def manned(farman: Farman) -> Farman:
    """Make a rehearsal home that knows the force and its roll; it is nine o'clock."""
    for words in (
        ("init", "--rehearsal", "--now", MORNING),
        ("force", "import", "force.yaml"),
        ("roll", "import", "roll.csv"),
    ):
        result = farman(*words, "--json")
        assert result.code == 0, result
    return farman


@pytest.fixture
def issued(manned: Farman) -> Farman:
    """Issue the order in it; it is `1/2020`, `hq-2020-1`."""
    result = manned("issue", "order.md", "--json")
    assert result.code == 0, result
    return manned
