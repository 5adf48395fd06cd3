"""What is still worth telling when a message is about to be sent."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.relevance import why_stale
from shared.times import to_rfc3339
from tests.told_parts import please, promise

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

STATES = st.sampled_from(["given", "open", "promised", "fulfilled", "declined", "withdrawn"])


@given(
    what=st.sampled_from(["asked", "due_soon", "overdue", "unanswered", "unthanked", "reacted"]),
    status=STATES,
    by=st.sampled_from(["person:bob", "person:cy"]),
)
def test_what_is_settled_is_stale_and_what_stands_is_news(what: str, status: str, by: str) -> None:
    news = {
        "asked": {"open", "promised"}, "due_soon": {"promised"}, "overdue": {"promised"},
        "unanswered": {"open"}, "unthanked": {"fulfilled"},
    }  # fmt: skip
    state = please().first.data["state"] | {"status": status, "reactions": {"👏": ["person:bob"]}}
    if status == "promised":
        due_at = {"due_soon": NOW + MINUTE}.get(what, NOW)
        state |= promise(by="person:cy", due_at=to_rfc3339(due_at))
    change = {"by": by, "emoji": "👏"}
    stale = why_stale(f"kudos.recognition.{what}", change, state, "person:bob", NOW)
    if what == "reacted":
        assert (stale is None) == (by == "person:bob")
    else:
        assert (stale is None) == (status in news[what])
    theirs = state | promise(by="person:bob")
    assert why_stale("kudos.recognition.asked", change, theirs, "person:bob", NOW)
    assert why_stale("kudos.recognition.thanked", change, state, "person:bob", NOW) is None


@given(minutes=st.integers(-5, 5))
def test_a_promise_is_due_soon_or_overdue_by_the_time_last_promised(minutes: int) -> None:
    due_at = to_rfc3339(NOW + minutes * MINUTE)
    state = please().first.data["state"] | promise(due_at=due_at)
    told = {
        what: why_stale(f"kudos.recognition.{what}", {}, state, "person:bob", NOW)
        for what in ("due_soon", "overdue")
    }
    is_due = minutes <= 0
    assert told["due_soon"] == ("it is overdue by now" if is_due else None)
    assert told["overdue"] == (None if is_due else "the promise was moved")
