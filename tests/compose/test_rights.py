"""Who may do what at the broker of docker-compose.yml, after its own one-shots: every cell, by trying."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.compose.machine import Machine, machine
from tests.compose.probes import OPERATIONS, Cell, logged_in
from tests.compose.project import Project

REGIONS = ("malakand", "hazara")
OFFICES = ("hq", *REGIONS)
STRANGER = "farman.kp.swat"
"""A user who exists, and to whom nothing was ever allowed."""

ANY: Any = None
Matrix = dict[str, set[Cell]]
"""What each user may do."""

TOPICS = [
    *(f"farman.kp.{region}.{way}" for region in REGIONS for way in ("down", "up", "dlq")),
    "farman.kp.swat.down",
    "__consumer_offsets",
]
GROUPS = [f"farman.kp.{office}" for office in (*OFFICES, "swat")]

EVERY = {
    *(Cell("topic", name, operation) for name in TOPICS for operation in OPERATIONS["topic"]),
    *(Cell("group", name, operation) for name in GROUPS for operation in OPERATIONS["group"]),
    *(Cell("cluster", "1", operation) for operation in OPERATIONS["cluster"]),
    *(
        Cell("transactional id", name, operation)
        for name in GROUPS
        for operation in OPERATIONS["transactional id"]
    ),
}

RULES = {
    **{
        f"farman.kp.{region}": {
            ("topic", f"farman.kp.{region}.down", "READ"),
            ("topic", f"farman.kp.{region}.up", "WRITE"),
            ("topic", f"farman.kp.{region}.dlq", "WRITE"),
            ("group", f"farman.kp.{region}", "READ"),
        }
        for region in REGIONS
    },
    "farman.kp.hq": {
        ("group", "farman.kp.hq", "READ"),
        *(("topic", f"farman.kp.{region}.up", "READ") for region in REGIONS),
        *(("topic", f"farman.kp.{region}.down", "WRITE") for region in REGIONS),
        *(("topic", f"farman.kp.{region}.dlq", "WRITE") for region in REGIONS),
    },
}
"""The rules that commissioning makes, and no others."""


def expected(user: str) -> set[Cell]:
    """Return what a user may do by the rules, and by what Kafka says goes with them."""
    if user in {"admin", "broker"}:
        return EVERY
    allowed = {Cell(*rule) for rule in RULES.get(user, ())}
    described = {Cell(cell.kind, cell.name, "DESCRIBE") for cell in allowed}
    # Whoever may write to any topic may ask for a number as a producer.
    writes = any(cell.operation == "WRITE" for cell in allowed)
    numbered = {Cell("cluster", "1", "IDEMPOTENT_WRITE")} if writes else set()
    return allowed | described | numbered


@pytest.fixture(scope="module")
def up(project: Project) -> Iterator[Machine]:
    """The machine before its workers begin, with a topic and a user that are nobody's."""
    with machine(project) as here:
        here.up("malakand-join", "hazara-join")
        admin = AdminClient(here.login("admin", here.password("admin")))
        admin.list_topics(timeout=10)
        (made,) = admin.create_topics([NewTopic("farman.kp.swat.down", 1)]).values()
        made.result(10)
        (here.volumes / "authority" / f"{STRANGER}.password").write_text(
            secrets.token_urlsafe(32)
        )
        user = UserScramCredentialUpsertion(
            STRANGER,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096),
            here.password(STRANGER).encode(),
        )
        (named,) = admin.alter_user_scram_credentials([user]).values()
        named.result(10)
        yield here


def password(up: Machine, user: str) -> str:
    """Return a user's password: a region's is in its hand-over file, the others' were made before."""
    region = user.rpartition(".")[2]
    if region in REGIONS:
        file = up.volumes / f"{region}-handover" / f"{region}.json"
        return str(json.loads(file.read_bytes())["kafka"]["password"])
    return up.password(user)


USERS = ("admin", "broker", *(f"farman.kp.{office}" for office in OFFICES), STRANGER)


@pytest.fixture(scope="module")
def matrix(up: Machine) -> Matrix:
    """What each user may do, by trying each cell."""

    async def tried() -> Matrix:
        found: Matrix = {}
        for name in USERS:
            async with logged_in(up.for_aiokafka(name, password(up, name))) as user:
                found[name] = {cell for cell in sorted(EVERY) if await user.may(cell)}
        return found

    return asyncio.run(tried())


@pytest.mark.parametrize("user", USERS)
def test_every_cell_is_as_the_rules_say(matrix: Matrix, user: str) -> None:
    assert matrix[user] - expected(user) == set(), "more than it may"
    assert expected(user) - matrix[user] == set(), "less than it may"


def test_no_rule_is_there_that_commissioning_did_not_make(up: Machine) -> None:
    admin = AdminClient(up.login("admin", up.password("admin")))
    admin.list_topics(timeout=10)
    every = AclBindingFilter(
        ResourceType.ANY,
        ANY,
        ResourcePatternType.ANY,
        ANY,
        ANY,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found: dict[str, set[tuple[str, str, str]]] = {}
    for each in admin.describe_acls(every).result(10):
        assert each.permission_type == AclPermissionType.ALLOW
        assert each.resource_pattern_type == ResourcePatternType.LITERAL
        assert each.host == "*"
        rule = (each.restype.name.lower(), each.name, each.operation.name)
        found.setdefault(each.principal.removeprefix("User:"), set()).add(rule)
    assert found == RULES


def test_a_region_reads_no_byte_that_is_not_sent_to_it(up: Machine, matrix: Matrix) -> None:
    # The matrix has written to every topic, as the administrator.
    async def read() -> dict[tuple[str, str], bool]:
        found = {}
        for name in USERS:
            async with logged_in(up.for_aiokafka(name, password(up, name))) as user:
                for topic in TOPICS:
                    found[name, topic] = await user.bytes_of(topic) != b""
        return found

    readable = {pair for pair, found in asyncio.run(read()).items() if found}
    written = {*TOPICS} - {"__consumer_offsets"}
    assert readable >= {("admin", topic) for topic in written}, "nothing to be read"
    for region in REGIONS:
        mine = {topic for user, topic in readable if user == f"farman.kp.{region}"}
        assert mine == {f"farman.kp.{region}.down"}
    assert {topic for user, topic in readable if user == STRANGER} == set()


def test_a_wrong_password_is_no_login(up: Machine) -> None:
    async def knock() -> None:
        async with logged_in(
            up.for_aiokafka("farman.kp.malakand", password(up, "farman.kp.hazara"))
        ):
            pass

    with pytest.raises(Exception, match="Unable to bootstrap"):
        asyncio.run(knock())


@pytest.mark.parametrize("office", OFFICES)
def test_a_database_knows_its_own_office_alone(up: Machine, office: str) -> None:
    address = up.environment(up.project.services[f"{office}-init"])["FARMAN_STORE"]
    with psycopg.connect(address) as own:
        assert own.execute("SELECT current_user").fetchone() == ("farman",)
        assert own.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone() == (False,)
    for other in set(OFFICES) - {office}:
        passfile = str(up.volumes / other / "pgpass")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address.partition("?")[0], passfile=passfile)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(address.partition("?")[0], passfile="/dev/null")
