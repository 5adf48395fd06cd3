"""Pages read by windows of time hold what a read of all would, whatever was read before."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.recognition.domain.feed import meets
from services.recognition.domain.windows import widened, with_slack
from services.recognition.repository.windows import Position, Windows

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

times = st.one_of(
    st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    st.integers(0, 5).map(lambda days: NOW - timedelta(days=days)),  # several at one instant
    st.integers(0, 20_000).map(lambda days: NOW - timedelta(days=days)),
)
bounds = st.one_of(times, st.sampled_from([EARLIEST, datetime(1969, 7, 20, tzinfo=UTC), NOW]))
asked = st.tuples(bounds, st.none() | bounds | st.just(LATEST), st.integers(1, 5))


class Stored:
    """Documents as a repository reads them."""

    def __init__(self, instants: list[datetime]) -> None:
        found = [{"_id": f"{number:03}", "at": at} for number, at in enumerate(instants)]
        self.newest_first = sorted(found, key=lambda one: (one["at"], one["_id"]), reverse=True)

    def read(
        self, within: Mapping[str, datetime], beyond: Mapping[str, Any], limit: int
    ) -> list[dict[str, Any]]:
        assert within["$gte"] < within["$lt"]
        found = [one for one in self.newest_first if within["$gte"] <= one["at"] < within["$lt"]]
        return [one for one in found if meets(one, beyond)][:limit]


@given(st.lists(times, max_size=30), st.lists(asked, min_size=1, max_size=4))
def test_pages_hold_each_document_once_in_order(
    instants: list[datetime], questions: list[tuple[datetime, datetime | None, int]]
):
    stored, windows = Stored(instants), Windows("at")
    for until, since, limit in questions:
        expected = [
            one
            for one in stored.newest_first
            if one["at"] < until and (since is None or one["at"] >= since)
        ]
        found: list[dict[str, Any]] = []
        after: Position | None = None
        while True:
            page = windows.page(
                stored.read, "x", until=until, since=since, after=after, limit=limit
            )
            found += page
            if len(page) < limit:
                break
            after = page[-1]["at"], page[-1]["_id"]
        assert found == expected


@given(st.integers(1, 10**6), st.integers(0, 200), st.integers(1, 200))
def test_a_window_grows_to_what_is_missing_and_never_leaps(seconds: int, found: int, missing: int):
    window = timedelta(seconds=seconds)
    following = widened(window, found, missing)
    assert window / 4 <= following <= 16 * window
    if not found:
        assert following == 4 * window
    elif 1 / 4 <= missing / found <= 12:
        assert missing <= following / window * found <= 1.11 * missing + 1


def test_what_is_missing_after_a_weekend_is_looked_for_as_thick_as_the_week_was():
    week, weekend = timedelta(days=8), timedelta(days=2)
    assert widened(weekend, 1, 4, before=(week, 20)) < 3 * timedelta(days=1)
    assert widened(weekend, 0, 3, before=(week, 22)) == 2 * weekend


def test_slack_goes_by_what_lies_on_the_page_and_not_by_the_time_since():
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert with_slack(day, hour) - day < 0.11 * hour
    assert with_slack(day, timedelta()) > day
