"""docker-compose.yml, Dockerfile and .dockerignore: valid, closed, and nobody reads another's secrets."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.compose.project import FILE, OURS, ROOT, Invalid, Project, load

REGIONS = ("malakand", "hazara")
OFFICES = ("hq", *REGIONS)

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_compose_takes_the_file(project: Project) -> None:
    assert {"kafka", *(f"{office}-worker" for office in OFFICES)} <= project.services.keys()


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("condition: service_healthy", "condition: healthy", "condition"),
        ("    restart: unless-stopped\n", "    restarts: unless-stopped\n", "restarts"),
        ("- kafka-data:/var/lib/kafka/data", "- other:/var/lib/kafka/data", "other"),
        ("kafka-format: {condition", "formatted: {condition", "formatted"),
    ],
)
def test_compose_refuses_a_slip(tmp_path: Path, good: str, bad: str, said: str) -> None:
    text = FILE.read_text()
    assert good in text
    file = tmp_path / FILE.name
    file.write_text(text.replace(good, bad, 1))
    with pytest.raises(Invalid, match=said):
        load(file)


def test_nothing_is_published_and_no_network_leads_out(project: Project) -> None:
    assert [name for name, each in project.services.items() if each.said.get("ports")] == []
    assert all(network["internal"] for network in project.said["networks"].values())


def test_no_password_stands_in_the_file(project: Project) -> None:
    for service in project.services.values():
        for name, value in service.environment.items():
            assert "PASSWORD" not in name or name.endswith("_FILE"), f"{service.name}: {name}"
            assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{service.name}: {name}"
        assert "secrets" not in service.said  # a file that a fresh clone lacks
    assert "${" not in FILE.read_text()  # nothing to be set before the first `up`


def test_a_volume_of_credentials_has_one_reader(project: Project) -> None:
    made = {mount.volume for mount in project.services["credentials"].mounts}
    readers: dict[str, set[str]] = {volume: set() for volume in made}
    for service in project.services.values():
        for mount in service.mounts:
            if mount.volume in made and service.name != "credentials":
                assert mount.read_only, f"{service.name} may write {mount.volume}"
                readers[mount.volume].add(service.name)
    assert readers == {
        "authority": set(),
        "admin": {"hq-commission-malakand", "hq-commission-hazara"},
        "kafka": {"kafka-format", "kafka"},
        "kafka-users": {"kafka-format"},
        "hq": {
            "hq-init",
            "hq-force",
            "hq-commission-malakand",
            "hq-commission-hazara",
            "hq-worker",
        },
        **{each: {f"{each}-init", f"{each}-join", f"{each}-worker"} for each in REGIONS},
        **{f"{each}-database": {f"{each}-database"} for each in OFFICES},
    }


def test_two_offices_share_the_links_and_a_hand_over_file_alone(project: Project) -> None:
    def of(office: str) -> tuple[set[str], set[str]]:
        mine = [each for name, each in project.services.items() if name.startswith(office)]
        networks = {network for each in mine for network in each.said.get("networks", ())}
        return networks, {mount.volume for each in mine for mount in each.mounts}

    hq_networks, hq_volumes = of("hq")
    for region in REGIONS:
        networks, volumes = of(region)
        assert networks == {region, "links"}
        assert networks & hq_networks == {"links"}
        assert volumes & hq_volumes == {f"{region}-handover"}
    assert not of("malakand")[1] & of("hazara")[1]


def test_databases_are_reached_in_their_office_alone(project: Project) -> None:
    for office in OFFICES:
        assert set(project.services[f"{office}-database"].said["networks"]) == {office}
    assert set(project.services["kafka"].said["networks"]) == {"links"}


def test_our_containers_may_do_nothing_but_their_work(project: Project) -> None:
    for service in project.ours:
        said = service.said
        assert said["read_only"] is True, service.name
        assert said["tmpfs"] == ["/tmp"], service.name  # noqa: S108
        assert said["cap_drop"] == ["ALL"], service.name
        assert said["security_opt"] == ["no-new-privileges:true"], service.name
        if service.name == "credentials":
            assert (said["user"], said["network_mode"]) == ("0:0", "none")
            assert set(said["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER"}
        else:
            assert said["user"] == "10001:10001", service.name
            assert "cap_add" not in said, service.name


def test_one_service_builds_our_image_and_all_others_wait_for_it(project: Project) -> None:
    assert [each.name for each in project.ours if "build" in each.said] == ["credentials"]
    for service in project.ours:
        assert service.said["pull_policy"] == "never", service.name  # it is in no registry
        before = {each.name for each in project.in_order(service.name)}
        assert "credentials" in before, service.name


def test_the_others_images_are_those_that_are_tested(project: Project) -> None:
    others = {each.image for each in project.services.values()} - {OURS}
    assert others == {"apache/kafka:4.3.1", "postgres:18"}


def test_each_one_shot_is_waited_for(project: Project) -> None:
    # Or `up --wait` fails when it has ended, though all is well.
    awaited = {
        name
        for service in project.services.values()
        for name, condition in service.waits_for.items()
        if condition == "service_completed_successfully"
    }
    assert {name for name, each in project.services.items() if each.once} == awaited


def test_what_goes_on_is_watched_and_comes_back(project: Project) -> None:
    going_on = {name for name, each in project.services.items() if not each.once}
    assert going_on == {
        "kafka",
        *(f"{office}-{part}" for office in OFFICES for part in ("database", "worker")),
    }
    for name in going_on:
        said = project.services[name].said
        assert said["restart"] == "unless-stopped", name
        assert said["healthcheck"]["start_period"] == "1m0s", name
        assert said["stop_grace_period"] == "30s", name


def test_what_must_last_lies_in_volumes(project: Project) -> None:
    mounts = {name: {m.target for m in each.mounts} for name, each in project.services.items()}
    assert "/var/lib/kafka/data" in mounts["kafka"]
    for office in OFFICES:
        # Not …/data, as before PostgreSQL 18: the image refuses to start.
        assert "/var/lib/postgresql" in mounts[f"{office}-database"]
        for service in project.ours:
            if service.name.startswith(f"{office}-"):
                assert service.environment["FARMAN_HOME"] in mounts[service.name], service.name


def test_kafka_is_told_everything_in_its_file(project: Project) -> None:
    # What stands in KAFKA_… variables the image would add to the file, and demand keystores for.
    for name in ("kafka", "kafka-format"):
        told = project.services[name].environment
        assert told.pop("CLUSTER_ID") == "FarmanOfficesOverKafka"
        assert set(told) <= {"KAFKA_HEAP_OPTS"}


def test_the_image_runs_as_a_user_of_its_own_with_folders_of_his() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert last.startswith("python:3.13-slim\n")
    assert "\nUSER 10001:10001\n" in last
    folders = re.search(r"install --directory --owner farman --group farman .*", last)
    assert folders is not None
    assert folders[0].split()[-2:] == ["/var/lib/farman", "/handover"]
    assert DOCKERFILE.count("\nFROM ") == 2


def test_all_that_the_image_is_made_of_gets_to_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    wanted = {each.partition("/")[0] for line in copied for each in line.split()} - {"."}
    wanted |= {*packages["targets"]["wheel"]["packages"], "README.md", "LICENSE"}
    assert wanted == let_in
