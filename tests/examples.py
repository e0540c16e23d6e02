"""One instance of every fact, with all it can say; and those that can say less, saying the least.

The golden files hold their stored forms. All persons are invented.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from domain import (
    case,
    directive,
    force,
    instrument,
    office,
    official,
    permission,
    relay,
    returns,
    roll,
    roll_call,
    service,
)
from domain.authority import Authority
from domain.deadline import Due
from domain.directive import Basis, Clause, Lineage, Link, Order, Population, Terms
from domain.drift import Difference
from domain.fact import ClauseId, DirectiveId, Fact, OfficerId, PostId, UnitId

KARACHI = timezone(timedelta(hours=5))
"""The zone of every force here; it has no summer time."""
NINE = datetime(2020, 1, 15, 9, 0, tzinfo=KARACHI)
TEN = NINE + timedelta(hours=1)
QUARTER_PAST = datetime(2020, 1, 15, 5, 15, 0, 250_000, tzinfo=UTC)
"""When it was written down: a quarter past ten, and a quarter of a second."""
F = TypeVar("F", bound=Fact)
NAME = "hq-2020-1"
ORDER_TEXT = "5d" * 32
"""SHA-256 of the order as issued."""
AMENDED_TEXT = "a7" * 32

WHATSAPP, HQ, MALAKAND, SWAT = (
    DirectiveId(NAME),
    UnitId("hq"),
    UnitId("malakand"),
    UnitId("swat"),
)
SAIDU, HAZARA = UnitId("swat-saidu"), UnitId("hazara")
PPO, RPO, DPO = PostId("ppo"), PostId("rpo-malakand"), PostId("dpo-swat")
TORVALA, WAZMERI, KARVANDI = OfficerId("P-1"), OfficerId("D-1"), OfficerId("C-2")
PIRZARI, ZARVANI = OfficerId("C-3"), OfficerId("C-4")
QUIT, CERTIFY, REPORT = ClauseId("quit"), ClauseId("certify"), ClauseId("report")
PLATFORMS, LEAVE = ClauseId("platforms"), ClauseId("leave")
FEBRUARY = datetime(2020, 2, 1, tzinfo=KARACHI)
OVER_SWAT = Authority(
    post=RPO,
    unit=MALAKAND,
    officer=OfficerId("R-1"),
    charge="acting",
    rank=20,
    line=(SWAT, MALAKAND),
)
"""The RPO's over Swat."""


def about(actor: str = "farman", channel: str = "rule", at: datetime = NINE) -> dict[str, Any]:
    """Return what every fact carries."""
    return {"at": at, "recorded_at": QUARTER_PAST, "actor": actor, "channel": channel}


TERMS = Terms(
    subject={
        "en": "Leave unofficial WhatsApp groups",
        "ur": "غیر سرکاری واٹس ایپ گروپ چھوڑ دیں",
    },
    clauses=(
        Clause(
            id=QUIT,
            kind="required_act",
            text={"en": "Leave every group that the police do not run."},
            due=Due(clock="receipt", within=86_400),
            escalate=(0, 86_400, 259_200),
        ),
        Clause(
            id=CERTIFY,
            kind="required_act",
            text={"en": "Certify it."},
            due=Due(at=datetime(2020, 2, 1, tzinfo=KARACHI)),
        ),
        Clause(
            id=ClauseId("official"),
            kind="exception",
            text={"en": "Groups that a unit runs for its duty."},
            of=(QUIT,),
            open=True,
            more={"registrar": "rpo", "scope": ("duty", "welfare"), "listed": False},
        ),
    ),
    texts={"en": "Leave them.\n", "ps": "ترې ووځئ.\n", "sd": "ڇڏي ڏيو.\n", "ur": "چھوڑ دیں۔\n"},
    lineage=Lineage(
        reissues=(Link(ref="2737/IAB", reason="It was not obeyed."),),
        supersedes=(Link(ref="11/2019"),),
        adopts=(Link(ref="Interior 4/2019"),),
        similar_to=(Link(ref="AIG/OPS 77"),),
        relays=(Link(ref="IGP 9/2020"),),
    ),
    purpose={"en": "No information leaves the force."},
    confidentiality="official",
    incident={"en": "A call sheet was seen outside the force."},
    basis=Basis(form="signed", ref="Police Order 2002, Article 10"),
)
ORDER = Order(
    label="191 PA/DIG/HQrs",
    issuer=PPO,
    precedence="immediate",
    forward="on_acknowledgement",
    grace=3_600,
    addressees=(MALAKAND, SWAT),
    population=Population(
        rank_from=5,
        rank_to=21,
        duty=("on_duty", "leave"),
        except_units=(SAIDU,),
        except_posts=(RPO,),
    ),
    standing=True,
    terms=TERMS,
)
PLAIN_TERMS = Terms(subject={"en": "Polish the brass"})
PLAIN_ORDER = Order(
    issuer=PPO,
    precedence="routine",
    forward="automatic",
    addressees=(HQ,),
    terms=PLAIN_TERMS,
)

PLAINLY = Authority(post=PPO, unit=HQ)
UNDER = official.Under(
    directive=WHATSAPP, clause=ClauseId("official"), version=1, text=ORDER_TEXT
)
PAPER = instrument.Paper(
    citation="4/2019-Media",
    sender={"en": "Ministry of Interior", "ur": "وزارت داخلہ"},
    dated="2019-12-20",
    form="signed",
    subject={"en": "Social media in attached departments"},
    clauses=(
        Clause(id=QUIT, kind="prohibition", text={"en": "Nobody posts what is official."}),
    ),
    texts={"en": "Nobody posts it.\n"},
    purpose={"en": "What is official stays so."},
    incident={"en": "A file note was seen outside."},
    confidentiality="restricted",
)

BY_PPO = about("post:ppo", "file")
BY_DESK = about("farman", "desk")
BY_WAZMERI = Authority(
    post=DPO, unit=SWAT, officer=WAZMERI, charge="acting", rank=19, line=(SAIDU, SWAT)
)
BY_OFFICER = about("officer:C-2", "phone", TEN) | {"version": 1, "text": ORDER_TEXT}

BY_DPO = Authority(
    post=DPO,
    unit=SWAT,
    officer=WAZMERI,
    charge="substantive",
    rank=19,
    line=(SAIDU, SWAT),
)
BY_RPO = Authority(
    post=RPO,
    unit=MALAKAND,
    officer=OfficerId("R-1"),
    charge="acting",
    rank=20,
    line=(SAIDU, SWAT, MALAKAND),
)

EXAMPLES: tuple[Fact, ...] = (
    force.Described(
        **about(channel="file"),
        force="kp",
        name={"en": "Khyber Pakhtunkhwa Police", "ur": "خیبر پختونخوا پولیس"},
        timezone="Asia/Karachi",
    ),
    force.Established(
        **about(channel="file"),
        unit=SWAT,
        kind="district",
        name={"en": "Swat", "ur": "سوات"},
        parent=MALAKAND,
    ),
    force.Renamed(**about(channel="file"), unit=SWAT, name={"en": "Swat Valley"}),
    force.Reclassified(**about(channel="file"), unit=SWAT, kind="zone"),
    force.Moved(**about(channel="file"), unit=SWAT, parent=HAZARA),
    force.Created(
        **about(channel="file"),
        post=DPO,
        unit=SWAT,
        title={"en": "DPO Swat"},
        rank=19,
        head=True,
    ),
    force.Revised(
        **about(channel="file"),
        post=DPO,
        unit=SWAT,
        title={"en": "District Police Officer"},
        rank=18,
        head=False,
    ),
    force.ChargeAssumed(**BY_DESK, post=DPO, officer=WAZMERI, charge="acting"),
    force.ChargeRelinquished(
        **BY_DESK, post=DPO, officer=WAZMERI, because="posted to malakand"
    ),
    roll.Mustered(
        **about(channel="file"),
        unit=SWAT,
        officers=[
            {
                "officer": WAZMERI,
                "belt_no": "12",
                "name": "Bilal Wazmeri",
                "rank": 19,
                "designation": "DPO",
                "duty": "on_duty",
                "joined_on": "2003-04-01",
                "phone": "+92 300 0000012",
            },
            {"officer": KARVANDI, "name": "احسان کاروندی", "rank": 7},
        ],
    ),
    roll.Corrected(
        **about(channel="file"),
        unit=SAIDU,
        officers=[
            {"officer": KARVANDI, "unit": SAIDU, "duty": "lines"},
            {"officer": PIRZARI, "rejoined": True, "rank": 9},
        ],
    ),
    roll.Posted(**BY_DESK, officer=KARVANDI, unit=HAZARA),
    roll.Promoted(**BY_DESK, officer=KARVANDI, rank=9),
    roll.DutyChanged(**BY_DESK, officer=KARVANDI, duty="suspended"),
    roll.Retired(**BY_DESK, officer=KARVANDI, died=True),
    directive.Issued(
        **BY_PPO,
        directive=WHATSAPP,
        serial=1,
        year=2020,
        number="191 PA/DIG/HQrs",
        unit=HQ,
        order=ORDER,
        scope=(MALAKAND, SWAT, SAIDU),
        text=ORDER_TEXT,
    ),
    directive.Authorised(
        **BY_PPO,
        authority=Authority(
            post=PPO,
            unit=HQ,
            officer=TORVALA,
            charge="substantive",
            rank=22,
            line=(MALAKAND, HQ),
        ),
    ),
    directive.Amended(**BY_PPO, version=2, material=True, terms=PLAIN_TERMS, text=AMENDED_TEXT),
    directive.Superseded(**BY_DESK, by=DirectiveId("hq-2020-4")),
    directive.Withdrawn(**BY_DESK, reason="Issued in error."),
    directive.Backed(
        **about("post:dpo-swat", "desk"),
        instrument="hq-i1",
        authority=BY_DPO,
        key="4e" * 32,
    ),
    relay.Received(**about(), sender=HQ, parent=MALAKAND),
    relay.ReceivedAgain(**about(), via=MALAKAND),
    relay.Acknowledged(**about("post:dpo-swat", "desk"), by=DPO, officer=WAZMERI),
    relay.Forwarded(**about(), to=(SAIDU,), vacant_since="2020-01-02T00:00:00+00:00"),
    relay.OfficersServed(
        **about(), officers=(KARVANDI, PIRZARI), version=1, text=ORDER_TEXT, joined=True
    ),
    relay.ClauseTightened(
        **about("post:dpo-swat", "desk"),
        clause=QUIT,
        due=Due(clock="receipt", within=43_200),
        closed=False,
        was=Due(clock="receipt", within=86_400),
        version=1,
        text=ORDER_TEXT,
        authority=BY_WAZMERI,
        units=(SWAT, SAIDU),
    ),
    relay.DriftFound(
        **about("post:rpo-malakand", "desk"),
        relayed=AMENDED_TEXT,
        number="SSP Coordination, 26 November 2021",
        issuer=DPO,
        version=1,
        text=ORDER_TEXT,
        differences=(
            Difference(
                clause=QUIT,
                field="due",
                kind="looser",
                order="within 1 day of the receipt",
                relay="within 3 days of the receipt",
            ),
            Difference(field="duty", kind="stricter", order="on_duty"),
        ),
        authority=OVER_SWAT,
    ),
    relay.Reminded(**about(), post=DPO, officer=WAZMERI),
    relay.Escalated(
        **about(),
        clause=QUIT,
        level=2,
        officers=17,
        oldest_due="2020-01-16T04:00:00+00:00",
        to_unit=HQ,
        to_post=PPO,
        to_officer=TORVALA,
        passed=(RPO,),
    ),
    returns.ReturnSubmitted(
        **about("post:rpo-malakand", "desk", TEN),
        clause=REPORT,
        named=DPO,
        by=RPO,
        authority=OVER_SWAT,
        version=1,
        text=ORDER_TEXT,
        claimed=17,
        known=16,
        population=19,
        open=1,
        exempt=1,
        unserved=1,
        full=False,
        note="One is on his way.",
    ),
    returns.ReturnContradicted(
        **about("post:rpo-malakand", "desk", TEN),
        clause=REPORT,
        named=DPO,
        stream="relay-hq-2020-1.swat.hq",
        version=5,
        evidence="He was found in another group.",
        officer=KARVANDI,
        case="hq-2020-c1",
        entry=77,
        by=RPO,
        authority=OVER_SWAT,
        claimed=17,
        known=16,
    ),
    returns.ReturnEscalated(
        **about(),
        clause=REPORT,
        named=DPO,
        level=1,
        due="2020-01-22T04:00:00+00:00",
        to_unit=HQ,
        to_post=PPO,
        to_officer=TORVALA,
        passed=(RPO,),
    ),
    service.Read(**BY_OFFICER, note="on the bus"),
    service.Acknowledged(**BY_OFFICER, note="by his brother"),
    service.Complied(**BY_OFFICER, note="seen", clause=QUIT, evidence="screenshot 12"),
    service.Contested(**BY_OFFICER, reason="Added by others; not a member any more."),
    service.Decided(
        **about("post:dpo-swat", "desk"), outcome="upheld", by=DPO, reason="He is right."
    ),
    service.Exempted(
        **about("post:dpo-swat", "desk"), clause=QUIT, by=DPO, reason="Runs the official group."
    ),
    roll_call.Held(
        **about("clerk:swat-saidu", "roll_call"),
        directive=WHATSAPP,
        unit=SAIDU,
        kind="acknowledged",
        officers=(KARVANDI,),
        absent=(PIRZARI,),
        notes={KARVANDI: "late", PIRZARI: "ill"},
        diary="14",
        version=1,
        text=ORDER_TEXT,
    ),
    office.Commissioned(**BY_DESK, office=MALAKAND, unit=MALAKAND, claim="c1" * 32),
    office.KeyRegistered(**BY_DESK, office=MALAKAND, key="4e" * 32, proof="70" * 64),
    office.Admitted(**about(), office=MALAKAND, key="4e" * 32),
    office.HandoverOpened(**about(), office=MALAKAND, units=(MALAKAND, SWAT, SAIDU)),
    office.Manifested(**about(), office=MALAKAND, entries=1_204, digest="d1" * 32),
    office.TakenOver(**about(), office=MALAKAND, digest="d1" * 32),
    office.SkewSeen(**about(), office=MALAKAND, seconds=-3_600),
    permission.Requested(
        **about("officer:C-2", "desk"),
        permission="hq-2020-p1",
        year=2020,
        serial=1,
        directive=WHATSAPP,
        version=1,
        text=ORDER_TEXT,
        clause=PLATFORMS,
        rule=LEAVE,
        officer=KARVANDI,
        unit=SAIDU,
        rank=7,
        scope="uniform",
        until=FEBRUARY,
        why="A film on road safety.",
        decider=BY_WAZMERI,
    ),
    permission.Granted(
        **about("post:dpo-swat", "desk"),
        scope="uniform",
        until=FEBRUARY,
        reason="The schools asked for it.",
        authority=BY_WAZMERI,
    ),
    permission.Refused(
        **about("post:dpo-swat", "desk"), reason="Not in uniform.", authority=BY_WAZMERI
    ),
    permission.Revoked(
        **about("post:dpo-swat", "desk"), reason="The film is made.", authority=BY_WAZMERI
    ),
    permission.Expired(**about(at=FEBRUARY)),
    case.BreachReported(
        **about("post:dpo-swat", "desk", TEN),
        directive=WHATSAPP,
        version=1,
        text=ORDER_TEXT,
        clause=QUIT,
        consequence=ClauseId("action"),
        opens="notice",
        officer=KARVANDI,
        unit=SAIDU,
        rank=7,
        duty="on_duty",
        breach_at=NINE,
        evidence="screenshot 12",
        note="Seen by the duty officer.",
        authority=BY_DPO,
    ),
    case.NoticeServed(
        **about("post:dpo-swat", "desk", TEN),
        until=TEN + timedelta(days=7),
        text="Show cause.",
        authority=BY_DPO,
    ),
    case.Answered(**about("officer:C-2", "desk", TEN), text="I had been added by another."),
    case.Decided(
        **about("post:dpo-swat", "desk", TEN),
        outcome="dismissed",
        reason="It was the third time.",
        authority=BY_DPO,
    ),
    case.Appealed(**about("officer:C-2", "desk", TEN), reason="Too severe."),
    case.AppealDecided(
        **about("post:rpo-malakand", "desk", TEN),
        outcome="reduced",
        reduced_to="censured",
        reason="The first that was proved.",
        authority=BY_RPO,
    ),
    case.Reinstated(
        **about("post:dpo-swat", "desk", TEN), reason="As the appeal says.", authority=BY_DPO
    ),
    official.GroupEntered(
        **about("post:dpo-swat", "desk"),
        id="hq-g1",
        platform="whatsapp",
        name="PS Saidu Duty",
        unit=SAIDU,
        post=DPO,
        purpose="The duty roster of the station.",
        under=UNDER,
        authority=BY_DPO,
    ),
    official.GroupPassed(**about("post:dpo-swat", "desk"), post=RPO, authority=BY_DPO),
    official.GroupClosed(
        **about("post:dpo-swat", "desk"), reason="The station has another.", authority=BY_DPO
    ),
    official.AccountEntered(
        **about("post:dpo-swat", "desk"),
        id="hq-a1",
        platform="x",
        name="@SaiduPolice",
        unit=SAIDU,
        post=DPO,
        purpose="What the public is told.",
        under=UNDER,
        authority=BY_DPO,
    ),
    official.AccountPassed(**about("post:dpo-swat", "desk"), post=RPO, authority=BY_DPO),
    official.AccountClosed(
        **about("post:dpo-swat", "desk"), reason="It is not used.", authority=BY_DPO
    ),
    instrument.Entered(
        **about("farman", "file"), instrument="hq-i1", serial=1, paper=PAPER, text=AMENDED_TEXT
    ),
)
"""One of each, in the order of the glossary."""

BARE: tuple[Fact, ...] = (
    force.Established(**about(), unit=HQ, kind="hq", name={"en": "Central Police Office"}),
    force.Created(
        **about(), post=PPO, unit=HQ, title={"en": "Provincial Police Officer"}, head=True
    ),
    force.Revised(**about(), post=PPO, unit=HQ, title={"en": "Inspector General"}, head=True),
    force.ChargeRelinquished(**about(), post=DPO, officer=WAZMERI),
    roll.Mustered(**about(), unit=HAZARA, officers=[]),
    directive.Issued(
        **about(),
        directive=DirectiveId("hq-2020-2"),
        serial=2,
        year=2020,
        number="2/2020",
        unit=HQ,
        order=PLAIN_ORDER,
        scope=(HQ,),
        text=ORDER_TEXT,
    ),
    directive.Backed(**about(), instrument="2737/IAB", authority=PLAINLY),
    relay.Received(**about(), sender=HQ),
    relay.Acknowledged(**about(), by=DPO),
    relay.Forwarded(**about(), to=()),
    relay.OfficersServed(**about(), officers=(), version=1, text=ORDER_TEXT),
    relay.DriftFound(
        **about("post:dpo-swat", "desk"),
        relayed=AMENDED_TEXT,
        issuer=DPO,
        version=1,
        text=ORDER_TEXT,
        differences=(),
        authority=Authority(post=DPO, unit=SWAT),
    ),
    relay.ClauseTightened(
        **about(),
        clause=ClauseId("official"),
        closed=True,
        version=1,
        text=ORDER_TEXT,
        authority=Authority(post=DPO, unit=SWAT),
        units=(SWAT,),
    ),
    relay.Escalated(
        **about(),
        clause=QUIT,
        level=1,
        officers=1,
        oldest_due="2020-01-16T04:00:00+00:00",
        to_unit=HQ,
    ),
    returns.ReturnSubmitted(
        **about("post:dpo-swat", "desk", TEN),
        clause=REPORT,
        by=DPO,
        authority=Authority(post=DPO, unit=SWAT),
        version=1,
        text=ORDER_TEXT,
        claimed=0,
        known=0,
        population=0,
        open=0,
        exempt=0,
        unserved=0,
        full=True,
    ),
    returns.ReturnContradicted(
        **about(),
        clause=REPORT,
        stream="relay-hq-2020-1.swat.hq",
        version=5,
        evidence="2 officers under it were open.",
        claimed=17,
        known=16,
    ),
    returns.ReturnEscalated(
        **about(), clause=REPORT, level=1, due="2020-01-22T04:00:00+00:00", to_unit=HQ
    ),
    service.Read(**BY_OFFICER),
    service.Acknowledged(**BY_OFFICER),
    service.Complied(**BY_OFFICER),
    service.Decided(**about(), outcome="dismissed", by=DPO),
    service.Exempted(**about(), by=DPO, reason="On deputation."),
    roll_call.Held(
        **about(),
        directive=WHATSAPP,
        unit=SAIDU,
        kind="complied",
        officers=(),
        diary="15",
        version=1,
        text=ORDER_TEXT,
    ),
    office.KeyRegistered(**about(), office="hq", key="4e" * 32),
    permission.Refused(**about("post:dpo-swat"), authority=Authority(post=DPO, unit=SWAT)),
    permission.Revoked(**about("post:dpo-swat"), authority=Authority(post=DPO, unit=SWAT)),
    case.BreachReported(
        **about("clerk:hq", "desk", TEN),
        directive=WHATSAPP,
        version=1,
        text=ORDER_TEXT,
        clause=QUIT,
        officer=KARVANDI,
        unit=SAIDU,
        rank=7,
        duty="on_duty",
        breach_at=NINE,
        evidence="screenshot 12",
    ),
    case.NoticeServed(
        **about("post:dpo-swat", "desk", TEN),
        until=TEN + timedelta(days=7),
        authority=Authority(post=DPO, unit=SWAT),
    ),
    case.AppealDecided(
        **about("post:rpo-malakand", "desk", TEN),
        outcome="upheld",
        reason="Rightly decided.",
        authority=Authority(post=RPO, unit=MALAKAND),
    ),
    official.GroupEntered(
        **about(),
        id="hq-g2",
        platform="whatsapp",
        name="CPO",
        unit=HQ,
        post=PPO,
        authority=PLAINLY,
    ),
    official.AccountEntered(
        **about(), id="hq-a2", platform="x", name="@CPO", unit=HQ, post=PPO, authority=PLAINLY
    ),
)
"""Those that can leave something unsaid, leaving all of it unsaid."""


def example(cls: type[F]) -> F:
    """Return the instance of a fact that says all it can."""
    return next(fact for fact in EXAMPLES if type(fact) is cls)
