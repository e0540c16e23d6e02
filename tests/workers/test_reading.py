"""What a reader makes of a peer's clock."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.fact import micros
from tests.workers.test_messages import HEARTBEAT
from workers.reading import surely

NOW = HEARTBEAT.clock


@given(
    offset=st.integers(-7_200, 7_200),
    there=st.integers(0, 300_000),
    lay=st.integers(0, 300_000),
    back=st.integers(0, 300_000),
)
def test_the_way_is_never_taken_for_the_clock(
    offset: int, there: int, lay: int, back: int
) -> None:
    """A beat of ours took `there` seconds, theirs was written `lay` later and took `back`."""
    written = NOW + timedelta(seconds=there + lay)
    beat = replace(
        HEARTBEAT, seen_beat=micros(NOW) // 1_000, clock=written + timedelta(seconds=offset)
    )
    read = written + timedelta(seconds=back)
    found = surely(beat, (beat.clock - read).total_seconds())
    assert abs(found) <= abs(offset)
    assert found * offset >= 0
    assert abs(offset - found) <= there + lay + back


def test_a_peer_that_has_not_heard_us_may_be_slow_or_its_clock() -> None:
    beat = replace(HEARTBEAT, seen_beat=0)
    assert surely(beat, -3_600) == 0
    assert surely(beat, 3_600) == 3_600


def test_a_peer_whose_clock_agrees_is_not_behind_because_ours_went_back() -> None:
    """The beats of an office whose clock went back by ten hours go on from the later hour."""
    later = micros(HEARTBEAT.clock + timedelta(hours=10)) // 1_000
    assert surely(replace(HEARTBEAT, seen_beat=later), -0.25) == -0.25
