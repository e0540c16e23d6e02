"""The broker of docker-compose.yml, formatted and configured by the image's own programs, twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.compose.machine import Failed, Machine, machine
from tests.compose.project import Project

ANY: Any = None


def admin(up: Machine) -> AdminClient:
    """Return a client that has logged in. Keep it: its end cancels what it was asked."""
    client = AdminClient(up.login("admin", up.password("admin")))
    client.list_topics(timeout=10)
    return client


def users(up: Machine) -> set[str]:
    client = admin(up)
    found: Any = client.describe_user_scram_credentials()
    return set(found.result(10))


@pytest.fixture(scope="module")
def up(project: Project) -> Iterator[Machine]:
    """The machine after `docker compose up kafka`."""
    with machine(project) as here:
        here.up("kafka")
        yield here


def test_the_wrapper_leaves_the_settings_as_they_were_given(up: Machine) -> None:
    given = (up.kafka_config() / "server.properties").read_text()
    rendered = (up.kafka / "config" / "server.properties").read_text()
    assert rendered == given


def test_what_format_prints_is_kept_from_the_log(up: Machine) -> None:
    # It would hold what the users' passwords are checked by.
    assert up.log("kafka-format") == ""


def test_the_first_users_log_in_and_may_do_everything_or_nothing(up: Machine) -> None:
    assert users(up) == {"admin", "broker", "farman.kp.hq"}
    every = AclBindingFilter(
        ResourceType.ANY,
        ANY,
        ResourcePatternType.ANY,
        ANY,
        ANY,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    client = admin(up)
    assert client.describe_acls(every).result(10) == []
    for user in ("broker", "farman.kp.hq"):
        AdminClient(up.login(user, up.password(user))).list_topics(timeout=10)


def test_a_second_up_keeps_users_and_data(up: Machine) -> None:
    client = admin(up)
    (made,) = client.create_topics([NewTopic("kept", 1)]).values()
    made.result(10)
    up.stop()
    up.up("kafka")
    client = admin(up)
    there = client.list_topics(timeout=10)
    assert "kept" in there.topics
    assert there.cluster_id == "FarmanOfficesOverKafka"
    assert users(up) == {"admin", "broker", "farman.kp.hq"}


def test_asking_after_its_health_leaves_no_trace(up: Machine) -> None:
    before = up.log("kafka")
    for _ in range(3):
        up.up("kafka")
    assert up.log("kafka") == before


def test_another_cluster_id_is_refused(
    up: Machine, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = project.said["services"]["kafka-format"]["environment"]
    monkeypatch.setitem(told, "CLUSTER_ID", "AnotherClusterAltogether")
    with pytest.raises(Failed, match=r"(?i)cluster.?id"):
        up.up("kafka-format")
