"""`docker compose up`, without an engine: the first time, again while it runs, and on old volumes."""

import json
import stat
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compose.machine import Machine, machine
from tests.compose.project import Project

REGIONS = ("malakand", "hazara")
OFFICES = ("hq", *REGIONS)
WORKERS = [f"{office}-worker" for office in OFFICES]


@pytest.fixture(scope="module")
def up(project: Project) -> Iterator[Machine]:
    with machine(project) as here:
        here.up()
        yield here


def asked(up: Machine, service: str, *words: str) -> Any:
    done = up.farman(service, *words, "--json")
    assert done.returncode == 0, done.stderr + up.log(service)
    return json.loads(done.stdout)


def open_offices(up: Machine) -> dict[str, tuple[str, str]]:
    """Wait until both regions write their own streams; return their state and fingerprint at HQ."""
    deadline = time.monotonic() + 60
    while True:
        said = asked(up, "hq-worker", "office", "list")["offices"]
        found = {each["office"]: (each["state"], each["fingerprint"]) for each in said}
        if {state for state, _ in found.values()} == {"open"}:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def ledgers(up: Machine) -> dict[str, int]:
    return {
        office: asked(up, f"{office}-worker", "office", "list")["position"]
        for office in OFFICES
    }


def secrets(up: Machine) -> dict[str, tuple[int, int, bytes]]:
    made = {mount.volume for mount in up.project.services["credentials"].mounts}
    return {
        str(file.relative_to(up.volumes)): (
            file.stat().st_mtime_ns,
            stat.S_IMODE(file.stat().st_mode),
            file.read_bytes(),
        )
        for volume in made
        for file in (up.volumes / volume).iterdir()
    }


def test_both_regions_take_over_with_the_keys_that_they_made(up: Machine) -> None:
    found = open_offices(up)
    assert set(found) == set(REGIONS)
    for region in REGIONS:
        own = asked(up, f"{region}-worker", "office", "list")["fingerprint"]
        assert found[region] == ("open", own)


def test_each_worker_says_that_all_its_roles_are_well(up: Machine) -> None:
    for worker in WORKERS:
        said = asked(up, worker, "health")
        assert said["ok"], said


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_has_its_part_of_the_force(up: Machine, region: str) -> None:
    open_offices(up)
    done = up.farman(f"{region}-worker", "status", "--json")
    assert done.returncode == 0, done.stderr
    checked = up.farman(f"{region}-worker", "rebuild", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_up_again_changes_nothing_and_leaves_what_runs_alone(up: Machine) -> None:
    offices, secret, before = open_offices(up), secrets(up), ledgers(up)
    up.up()
    assert secrets(up) == secret
    assert open_offices(up) == offices
    assert ledgers(up) == before


def test_up_on_old_volumes_goes_on_where_it_was(up: Machine) -> None:
    offices, secret, before = open_offices(up), secrets(up), ledgers(up)
    up.stop()
    for worker in WORKERS:
        assert '"event":"ends"' in up.log(worker)
    up.up()
    assert secrets(up) == secret
    assert open_offices(up) == offices
    assert ledgers(up) == before


def test_an_order_of_headquarters_reaches_a_region_and_headquarters_hears_of_it(
    up: Machine,
) -> None:
    open_offices(up)
    order = "/usr/share/farman/examples/directives/kp-2020-01-whatsapp.md"
    number = asked(up, "hq-worker", "issue", order)["number"]

    def received(office: str) -> set[str]:
        done = up.farman(f"{office}-worker", "hops", number, "--json")
        return {hop["unit"] for hop in json.loads(done.stdout).get("hops", ())}

    # The region's stations have it from the region's own office: headquarters reads of that.
    deadline = time.monotonic() + 60
    while not all("swat-ps-1" in received(office) for office in ("malakand", "hq")):
        assert time.monotonic() < deadline, up.log("malakand-worker")
        time.sleep(0.5)
    assert "swat-ps-1" not in received("hazara")


def test_no_password_is_printed(up: Machine) -> None:
    databases = {f"{office}-database" for office in OFFICES}
    logs = {name: up.log(name) for name in up.project.services.keys() - databases}
    for name, (_, _, content) in secrets(up).items():
        if name.endswith(("password", "pgpass")):
            secret = content.decode().strip().rpartition(":")[2]
            assert [service for service, log in logs.items() if secret in log] == [], name
