"""The sweep finds everything that is due, whatever arrives when, in bounded searches."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.domain.sweep import Sweep

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
OVERLAP = timedelta(seconds=5)
MS = timedelta(milliseconds=1)


def search(dues: list[datetime], sweep: Sweep, now: datetime, limit: int) -> list[datetime]:
    """One search as the dispatcher makes it; what it finds leaves `dues`."""
    low, high = sweep.window(now)
    found = sorted(due for due in dues if low <= due < high)
    sweep.found(found[:limit], limit, high, now)
    for due in found[:limit]:
        dues.remove(due)
    return found


@settings(max_examples=200)
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 3_000), st.integers(0, 4_000), st.integers(1, 30)), max_size=30
    ),
    limit=st.integers(1, 20),
)
def test_what_becomes_visible_within_the_overlap_is_found(
    arrivals: list[tuple[int, int, int]], limit: int
) -> None:
    sweep = Sweep(START - OVERLAP, OVERLAP, OVERLAP)
    dues: list[datetime] = []
    for tick in range(0, 8_000, 100):
        now = START + tick * MS
        for due, late, count in arrivals:
            if tick - 100 < due + late <= tick:
                dues += [START + due * MS] * count
        search(dues, sweep, now, limit)
    for _ in range(2 * sum(count for *_, count in arrivals) + 10):
        search(dues, sweep, START + 8_000 * MS, limit)
    assert dues == []


def test_idle_it_looks_at_the_last_seconds_only() -> None:
    sweep = Sweep(START - OVERLAP, OVERLAP, OVERLAP)
    for seconds in range(100):
        now = START + timedelta(seconds=seconds)
        search([], sweep, now, 500)
    assert sweep.front == now - OVERLAP


def test_a_burst_narrows_the_window_to_a_batch() -> None:
    dues = [START + (place // 10) * MS for place in range(20_000)]
    sweep = Sweep(START - OVERLAP, OVERLAP, OVERLAP)
    search([], sweep, START - MS, 500)
    matched = []
    tick = 2_000
    while dues:
        matched.append(len(search(dues, sweep, START + tick * MS, 500)))
        tick += 50
    assert len(matched) < 60
    assert max(matched[1:]) <= 1_100, "only the first search, that knows nothing yet, matches all"


def test_a_backlog_of_years_is_found_and_done() -> None:
    dues = [START - timedelta(days=days) for days in range(0, 700, 7)]
    sweep = Sweep(START - timedelta(days=3650), timedelta(days=3650), timedelta(0))
    for _ in range(20):
        search(dues, sweep, START, 30)
    assert dues == []
    assert sweep.is_done(START)
