"""The broker's settings: whence they come, and that no secret is shown."""

from pathlib import Path

import pytest

from console.settings import Settings
from domain.errors import Misused, Unavailable
from office.commission import Broker
from workers.kafka import Kafka

GIVEN, SECRET = "given", "s3cret"
KEPT = Broker(
    bootstrap="kafka:9092", protocol="SASL_SSL", username="region", password=GIVEN, ca="PEM"
)
"""What a region keeps of its hand-over file."""


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FARMAN_{name.upper()}", raising=False)


def said(monkeypatch: pytest.MonkeyPatch, **words: str) -> Settings:
    for name, word in words.items():
        monkeypatch.setenv(f"FARMAN_KAFKA_{name}", word)
    return Settings.read()


def test_a_region_reaches_the_broker_as_its_hand_over_file_says() -> None:
    assert Settings.read().kafka(KEPT) == Kafka(
        "kafka:9092", "SASL_SSL", "region", GIVEN, "PEM"
    )


def test_what_the_environment_says_comes_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("ANOTHER")
    settings = said(monkeypatch, BOOTSTRAP="near:9093", CA_FILE=str(tmp_path / "ca.pem"))
    assert settings.kafka(KEPT) == Kafka("near:9093", "SASL_SSL", "region", GIVEN, "ANOTHER")


def test_an_administrator_has_a_name_of_his_own_or_is_the_workers_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    settings = said(
        monkeypatch, BOOTSTRAP="b:1", USERNAME="hq", PASSWORD_FILE=str(tmp_path / "secret")
    )
    assert settings.kafka(admin=True) == Kafka("b:1", "SASL_SSL", "hq", "from a file")
    settings = said(monkeypatch, ADMIN_USERNAME="root", ADMIN_PASSWORD=SECRET)
    assert settings.kafka(admin=True) == Kafka("b:1", "SASL_SSL", "root", SECRET)
    assert settings.kafka() == Kafka("b:1", "SASL_SSL", "hq", "from a file")


def test_a_broker_without_users_is_reached_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, BOOTSTRAP="b:1").kafka() == Kafka("b:1", "PLAINTEXT")


def test_without_a_broker_it_is_said_what_to_set() -> None:
    with pytest.raises(Misused, match="FARMAN_KAFKA_BOOTSTRAP"):
        Settings.read().kafka()


@pytest.mark.parametrize("name", ["PASSWORD_FILE", "ADMIN_PASSWORD_FILE"])
def test_a_secret_whose_file_is_gone_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Unavailable, match=f"^FARMAN_KAFKA_{name}: .* cannot be read"):
        said(monkeypatch, **{name: str(tmp_path / "gone")})


def test_a_certificate_that_is_gone_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = said(monkeypatch, BOOTSTRAP="b:1", CA_FILE=str(tmp_path / "gone"))
    with pytest.raises(Unavailable, match=r"^FARMAN_KAFKA_CA_FILE: .* cannot be read"):
        settings.kafka()


def test_passwords_are_shown_as_stars(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = said(monkeypatch, PASSWORD=SECRET, ADMIN_PASSWORD=SECRET, USERNAME="hq")
    shown = settings.shown()
    assert SECRET not in str(shown)
    assert shown["FARMAN_KAFKA_USERNAME"] == "hq"
    assert set(shown["FARMAN_KAFKA_PASSWORD"]) == {"*"}
