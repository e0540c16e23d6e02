"""Workers as processes: killed with -9 amid the load, ended in order, standing by for each other."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.workers.pair import Pair, Worker, until

KILLS = 3


@contextmanager
def loaded(
    piece: Callable[[int], None], pieces: int, pause: float
) -> Iterator[Callable[[], bool]]:
    """Do pieces of work beside the block; what is given tells whether it still goes on."""
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(pieces):
                piece(number)
                time.sleep(pause)
        except BaseException as fault:
            faults.append(fault)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread.is_alive
    finally:
        thread.join()
    assert faults == []


def working(worker: Worker) -> None:
    """Wait until a worker is at work on its link."""

    def is_so() -> bool:
        return any(line["event"] == "works" and line.get("link") for line in worker.said())

    until(is_so, worker.log.read_text)


@pytest.mark.parametrize(
    ("end", "role"),
    [("region", "outbox"), ("hq", "inbox"), ("hq", "outbox"), ("region", "inbox")],
)
def test_a_worker_killed_amid_the_load_loses_and_doubles_nothing(
    pair: Pair, end: str, role: str
) -> None:
    victim = getattr(pair, end)
    rest = [one for one in ("outbox", "inbox", "clock") if one != role]
    with ExitStack() as stack:
        other = pair.hq if victim is pair.region else pair.region
        for one, what in ((other, "all"), *((victim, what) for what in rest)):
            stack.enter_context(one.worker(what))
        victims = [stack.enter_context(victim.worker(role))]
        pair.open()
        pair.man(1_000)
        until(lambda: pair.count(pair.region, "served") == 1_000)

        def piece(number: int) -> None:
            pair.acknowledge(pair.served[number * 10 : number * 10 + 10])
            if number % 4 == 0:
                pair.issue()

        with loaded(piece, 100, 0.25) as goes_on:
            for _ in range(KILLS):
                time.sleep(1.5)
                victims[-1].kill()
                victims.append(stack.enter_context(victim.worker(role)))
                working(victims[-1])
            assert goes_on()
        pair.settle()
    for one in pair.ends:
        assert (pair.count(one, "served"), pair.count(one, "acknowledged")) == (1_000, 1_000)
    assert pair.wrong() == []


def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun(pair: Pair) -> None:
    with pair.hq.worker() as hq, pair.region.worker() as region:
        pair.open()
        pair.man(400)
        until(lambda: pair.count(pair.region, "served") == 400)
        assert pair.region.farman("health")["ok"]
        with loaded(lambda n: pair.acknowledge(pair.served[n * 10 : n * 10 + 10]), 40, 0.05):
            time.sleep(0.7)
            code, seconds = region.stop()
        assert (code, seconds < 10) == (0, True), region.log.read_text()
        assert region.said()[-1]["event"] == "ends"
        told = pair.region.farman("health")
        assert (told["code"], told["error"]["code"]) == (6, 6)
        with pair.region.worker() as second:
            pair.settle()
            assert second.stop()[0] == 0
        assert hq.stop()[0] == 0
    assert pair.count(pair.hq, "acknowledged") == 400
    faults = [
        line for one in (hq, region, second) for line in one.said() if line["level"] == "error"
    ]
    assert faults == []


def test_the_second_worker_stands_by_and_takes_over_when_the_first_is_killed(
    pair: Pair,
) -> None:
    with (
        pair.hq.worker(),
        pair.region.worker("inbox"),
        pair.region.worker("outbox") as first,
    ):
        pair.open()
        working(first)
        with pair.region.worker("outbox") as second:
            until(lambda: any(line["event"] == "waits" for line in second.said()))
            time.sleep(2)
            assert not any(line["event"] == "works" for line in second.said())
            first.kill()
            since = time.monotonic()
            working(second)
            assert time.monotonic() - since < 5
            pair.man(20)
            until(lambda: pair.count(pair.region, "served") == 20)
            pair.acknowledge(pair.served)
            pair.settle()
    assert pair.count(pair.hq, "acknowledged") == 20
