"""Series: whatever comes, in whatever order, they hold what a recount finds."""

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain.buckets import BUCKETS, Kind, Range, range_of, start_after
from services.leaderboard.domain.durations import percentile, seconds_of, step_of
from services.leaderboard.domain.periods import parse_period
from services.leaderboard.domain.series import packed, unpacked
from tests import trend_recount
from tests.series_memory import SeriesMemory
from tests.trend_recount import NOW, SCOPES, ZONES, Version, assert_same, streams

_FIRST, _END = date(2026, 12, 20), date(2027, 2, 20)
BOTH_YEARS = {kind: range_of(kind, NOW.date(), _FIRST, _END) for kind in BUCKETS}


def days_of(asked: Range) -> list[str]:
    """The first day of each bucket."""
    days, day = [], asked.first
    while day < asked.end:
        days.append(day.isoformat())
        day = start_after(asked.kind, day)
    return days


DAYS = {kind: days_of(asked) for kind, asked in BOTH_YEARS.items()}
NOTHING = trend_recount.Figures()


def check(memory: SeriesMemory, stream: list[Version]) -> None:
    """Every figure of every scope is what a recount finds."""
    facts = trend_recount.facts_of(stream, memory.zone)
    for scope in SCOPES:
        for kind, asked in BOTH_YEARS.items():
            for private in (False, True):
                expected = trend_recount.recount(facts, scope, kind, private=private)
                found = memory.figures(scope, asked, private=private)
                assert expected.keys() <= set(DAYS[kind])
                for day, (bucket, figures) in zip(DAYS[kind], found.items(), strict=True):
                    recounted = expected.get(day, NOTHING)
                    assert_same(figures, recounted, f"{scope} {bucket}")


@settings(max_examples=60)
@given(streams(), st.sampled_from(ZONES), st.lists(st.integers(1, 5), min_size=30, max_size=30))
def test_any_order_duplication_and_retraction_gives_the_recount(
    stream: list[Version], zone: str, sizes: list[int]
) -> None:
    memory, start = SeriesMemory(ZoneInfo(zone)), 0
    for size in sizes:
        memory.fold(stream[start : start + size])
        start += size
    memory.fold(stream[start:])
    check(memory, stream)


@given(streams())
def test_what_is_taken_back_altogether_leaves_nothing(stream: list[Version]) -> None:
    memory = SeriesMemory(ZoneInfo("UTC"))
    memory.fold(stream)
    gone = [
        each._replace(version=99, state={**each.state, "status": status})
        for each in stream
        for status in [{"thank_you": "retracted", "please": "withdrawn"}[each.state["kind"]]]
    ]
    memory.fold(gone)
    assert not any(memory.documents.values())


def test_one_recognition_writes_as_many_documents_whatever_the_history() -> None:
    memory = SeriesMemory(ZoneInfo("UTC"))
    sides = {"person:ada": trend_recount.STANDS[0], "person:bob": trend_recount.STANDS[3]}

    def thanks(number: int) -> Version:
        event = trend_recount.events.recognition(
            f"r{number}", given_at=f"2026-11-{number % 28 + 1:02}T10:00:00Z"
        )
        attribution = {
            "giver": sides["person:ada"],
            "recipients": {"person:bob": sides["person:bob"]},
        }
        return Version(f"r{number}", 1, event.data["state"], attribution)

    # Two people; the organisation, two teams, four trees, each by month and by year.
    written = {memory.fold([thanks(number)]) for number in range(200)}
    assert written == {2 + 2 * (1 + 2 + 4)}


@given(st.integers(0, 10**9))
def test_a_duration_is_shown_within_a_few_percent(seconds: int) -> None:
    shown = seconds_of(step_of(seconds))
    assert abs(shown - seconds) <= 0.05 * seconds
    assert step_of(shown) == step_of(seconds)
    assert step_of(seconds) <= step_of(seconds + 1) <= step_of(seconds) + 1


def test_steps_are_at_most_a_tenth_wide() -> None:
    starts = [n for n in range(1, 200_000) if step_of(n) != step_of(n - 1)]
    for start, after in pairwise(starts):
        assert after - start == 1 or (after - start) / start <= 0.1
    assert step_of(10**15) == step_of(10**16) == 255
    assert seconds_of(255) > 1500 * 365 * 24 * 3600


@given(st.dictionaries(st.integers(0, 255), st.integers(1, 2**32 - 1)))
def test_what_is_packed_comes_out_again(histogram: dict[int, int]) -> None:
    cell = {f"private answered {step}": number for step, number in histogram.items()}
    cell |= {"given": 3, "as 12": 1, "as a.b,c@d": 2}
    assert unpacked(packed(cell)) == cell
    assert len(packed(cell)) <= 4


@given(st.lists(st.integers(0, 20), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(durations: list[int], percent: int) -> None:
    histogram = {step_of(each): durations.count(each) for each in durations}
    shown = percentile(histogram, percent)
    assert shown in durations
    assert sum(each <= shown for each in durations) * 100 >= percent * len(durations)
    assert sum(each < shown for each in durations) * 100 < percent * len(durations)


def test_nothing_timed_has_no_percentile() -> None:
    assert percentile({}, 50) is None


days = st.dates(date(1200, 1, 1), date(9000, 1, 1))


@given(st.sampled_from(BUCKETS), days, st.none() | days, st.none() | days)
def test_a_range_is_whole_buckets_that_follow_each_other(
    kind: Kind, today: date, first: date | None, end: date | None
) -> None:
    asked = range_of(kind, today, first, end)
    if asked.count > 500:
        return
    periods = [parse_period(bucket, ZoneInfo("UTC")) for bucket in asked.buckets()]
    assert len(periods) == asked.count >= 1
    assert {period.kind for period in periods} == {kind}
    for before, after in pairwise(periods):
        assert before.end == after.start
    start, stop = periods[0].start, periods[-1].end
    assert start is not None
    assert stop is not None
    assert (start.date(), stop.date()) == (asked.first, asked.end)
    if first is not None:
        assert start.date() <= first < start_after(kind, start.date())
    if end is not None and (first is None or first < end):
        assert asked.end >= end
        assert len(periods) == 1 or asked.buckets() != []


def test_a_range_left_open_ends_with_the_present_bucket() -> None:
    today = date(2026, 11, 24)
    assert range_of("day", today, None, None) == Range(
        "day", date(2026, 10, 26), date(2026, 11, 25)
    )
    assert range_of("week", today, None, None).buckets()[-1] == "2026-W48"
    assert range_of("month", today, None, None).buckets()[0] == "2025-12"
    assert [range_of(kind, today, None, None).count for kind in BUCKETS] == [30, 12, 12]


def test_a_range_is_widened_to_whole_buckets() -> None:
    asked = range_of("month", date(2026, 11, 24), date(2026, 2, 3), date(2026, 3, 2))
    assert asked.buckets() == ["2026-02", "2026-03"]
    ended = range_of("month", date(2026, 11, 24), date(2026, 2, 3), date(2026, 3, 1))
    assert ended.buckets() == ["2026-02"]
