"""What is still worth telling when a message is about to be sent."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.relevance import why_stale
from tests.told_parts import please, promise

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
        state |= promise(by="person:cy")
    change = {"by": by, "emoji": "👏"}
    stale = why_stale(f"kudos.recognition.{what}", change, state, "person:bob")
    if what == "reacted":
        assert (stale is None) == (by == "person:bob")
    else:
        assert (stale is None) == (status in news[what])
    theirs = state | promise(by="person:bob")
    assert why_stale("kudos.recognition.asked", change, theirs, "person:bob")
    assert why_stale("kudos.recognition.thanked", change, state, "person:bob") is None
