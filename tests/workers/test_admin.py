"""What HQ's administrator makes for an office, held against what the broker then allows."""

from dataclasses import replace

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AdminClient,
    ConfigResource,
    ResourceType,
)

from domain.errors import Misused, Unavailable
from office.commission import Broker
from tests import services
from tests.workers.pair import reached
from workers import admin, rights
from workers.kafka import Kafka, group, topic
from workers.rights import Right


@pytest.fixture
def hq(kafka_broker: services.Broker) -> Kafka:
    return reached(kafka_broker, *kafka_broker.create_user("hq"))


def allowed(broker: services.Broker) -> set[AclBinding]:
    client = AdminClient(dict(reached(broker).confluent()))
    client.list_topics(timeout=10)
    return set(client.describe_acls(admin._EVERY_RIGHT).result(10))


def everything(force: str, office: str) -> list[Right]:
    topics = [topic(force, office, way) for way in admin.WAYS]
    return [
        *(Right("READ", "topic", name) for name in topics),
        *(Right("WRITE", "topic", name) for name in topics),
        Right("READ", "group", group(force, office)),
        Right("READ", "group", group(force, "hq")),
    ]


def test_an_office_and_hq_may_do_what_they_must_and_nothing_else(
    kafka_broker: services.Broker, hq: Kafka, force: str
) -> None:
    administrator = reached(kafka_broker)
    swat = admin.ensure_office(administrator, force, "swat", hq="hq", hq_user=hq.username)
    hazara = admin.ensure_office(administrator, force, "hazara", hq="hq", hq_user=hq.username)
    office = replace(administrator, username=swat.username, password=swat.password)

    def may(who: Kafka, office: str) -> set[str]:
        asked = everything(force, office)
        return {str(one) for one in asked} - set(rights.lacking(who, asked))

    name = f"farman.{force}"
    assert may(office, "swat") == {
        f"READ on the topic {name}.swat.down",
        f"READ on the group {name}.swat",
        f"WRITE on the topic {name}.swat.up",
        f"WRITE on the topic {name}.swat.dlq",
    }
    assert may(office, "hazara") == set()
    assert may(hq, "swat") == {
        f"WRITE on the topic {name}.swat.down",
        f"READ on the topic {name}.swat.up",
        f"WRITE on the topic {name}.swat.dlq",
        f"READ on the group {name}.hq",
    }
    assert hazara.username == f"{name}.hazara"
    assert hazara.ca == administrator.ca


def test_what_is_made_again_with_its_password_is_left_as_it_is(
    kafka_broker: services.Broker, hq: Kafka, force: str
) -> None:
    administrator = reached(kafka_broker)
    first = admin.ensure_office(administrator, force, "swat", hq="hq", hq_user=hq.username)
    before = allowed(kafka_broker)
    again = admin.ensure_office(
        administrator, force, "swat", hq="hq", hq_user=hq.username, password=first.password
    )
    assert again == first
    assert allowed(kafka_broker) == before
    office = replace(administrator, username=first.username, password=first.password)
    assert rights.lacking(office, rights.of_office(force, "swat")) == []


def test_a_right_that_was_taken_away_is_given_again(
    kafka_broker: services.Broker, hq: Kafka, force: str
) -> None:
    administrator = reached(kafka_broker)
    first = admin.ensure_office(administrator, force, "swat", hq="hq", hq_user=hq.username)
    before = allowed(kafka_broker)
    client = AdminClient(dict(administrator.confluent()))
    client.list_topics(timeout=10)
    right = admin._binding(first.username, Right("READ", "topic", topic(force, "swat", "down")))
    rule = (right.restype, right.name, right.resource_pattern_type, right.principal)
    only = AclBindingFilter(*rule, right.host, right.operation, right.permission_type)
    (taken,) = client.delete_acls([only]).values()
    assert len(taken.result(10)) == 1
    admin.ensure_office(
        administrator, force, "swat", hq="hq", hq_user=hq.username, password=first.password
    )
    assert allowed(kafka_broker) == before


def test_topics_have_one_partition_and_keep_thirty_days(
    kafka_broker: services.Broker, force: str
) -> None:
    administrator = reached(kafka_broker)
    admin.ensure_office(administrator, force, "swat", hq="hq", hq_user="hq")
    client = AdminClient(dict(administrator.confluent()))
    topics = client.list_topics(timeout=10).topics
    for way in admin.WAYS:
        name = topic(force, "swat", way)
        assert len(topics[name].partitions) == 1
        resource = ConfigResource(ResourceType.TOPIC, name)
        config = client.describe_configs([resource])[resource].result(10)
        assert {key: config[key].value for key in admin.TOPIC} == {
            "cleanup.policy": "delete",
            "retention.ms": "2592000000",
            "max.message.bytes": "1048576",
        }


def test_who_is_no_administrator_is_told_what_to_set(hq: Kafka, force: str) -> None:
    with pytest.raises(Unavailable, match="set FARMAN_KAFKA_ADMIN_USERNAME"):
        admin.ensure_office(hq, force, "swat", hq="hq", hq_user=hq.username)


def test_a_broker_without_users_gets_topics_only(
    plain_kafka: services.Broker, force: str
) -> None:
    made = admin.ensure_office(reached(plain_kafka), force, "swat", hq="hq", hq_user="")
    assert rights.lacking(reached(plain_kafka), rights.of_office(force, "swat")) == []
    assert made == Broker(
        bootstrap=plain_kafka.bootstrap,
        protocol="PLAINTEXT",
        topics={way: f"farman.{force}.swat.{way}" for way in ("down", "up", "dlq")},
    )


def test_a_topic_that_is_not_there_is_named(plain_kafka: services.Broker, force: str) -> None:
    right = Right("READ", "topic", topic(force, "swat", "down"))
    assert rights.lacking(reached(plain_kafka), [right]) == [
        f"the topic farman.{force}.swat.down itself"
    ]


def test_a_broker_that_is_not_there_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "PATIENCE", 0.5)
    with pytest.raises(Unavailable, match=r"^The broker 127\.0\.0\.1:9 cannot be asked"):
        rights.lacking(Kafka("127.0.0.1:9"), rights.of_office("kp", "swat"))


def test_no_password_stands_in_what_is_printed() -> None:
    assert "secret" not in repr(Kafka("there:9092", "SASL_SSL", "me", "secret"))


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (("",), "FARMAN_KAFKA_BOOTSTRAP"),
        (("there:9092", "SASL_SSL", "me"), "FARMAN_KAFKA_PASSWORD"),
        (("there:9092", "SASL_SSL"), "FARMAN_KAFKA_USERNAME"),
        (("there:9092", "sasl_ssl"), "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    ],
)
def test_a_broker_that_is_half_named_says_what_is_missing(
    said: tuple[str, ...], names: str
) -> None:
    with pytest.raises(Misused, match=names):
        Kafka(*said)
