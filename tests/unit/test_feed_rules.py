"""The feed's rules: whatever a selection shows has one of its keys."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.recognition.domain.feed import found_by, meets, newest, select
from services.recognition.domain.visibility import SHOWN_STATUSES, audience_of, badges_of

PEOPLE = ("person:ada", "person:bob", "person:cyd", "person:dan")
TEAMS = (None, "team:a", "team:b")
PARTNERS = (None, "partner:x")
VALUES = ("quality", "honesty")
HELD_BACK = ("held", "hidden", "retracted")
OF_KIND = {
    "thank_you": ("given", *HELD_BACK),
    "please": (*sorted(SHOWN_STATUSES - {"given"}), "hidden"),
}


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    giver, *recipients = draw(st.permutations(PEOPLE))[: draw(st.integers(2, 3))]
    team, partner = st.sampled_from(TEAMS), st.sampled_from(PARTNERS)
    sides = [
        {"ref": ref, "team": draw(team), "partner": draw(partner)} for ref in (giver, *recipients)
    ]
    kind = draw(st.sampled_from(sorted(OF_KIND)))
    attribution = {"giver": sides[0], "recipients": sides[1:]}
    record = {
        "_id": "r",
        "kind": kind,
        "status": draw(st.sampled_from(OF_KIND[kind])),
        "giver": giver,
        "recipients": recipients,
        "values": draw(st.lists(st.sampled_from(VALUES), unique=True)),
        "attribution": attribution,
        "audience": audience_of(draw(st.sampled_from(["public", "team", "private"])), attribution),
        "is_folded": draw(st.booleans()),
    }
    return {**record, "found_by": found_by(record)}


OF_SOME_KIND = {
    "kind": st.sampled_from(sorted(OF_KIND)),
    "value": st.sampled_from(VALUES),
}
OF_SOMEBODY = {
    "giver": st.sampled_from(PEOPLE),
    "recipient": st.sampled_from(PEOPLE),
    "team": st.sampled_from(TEAMS[1:]),
}
ASKED = st.one_of(
    st.fixed_dictionaries({}, optional=OF_SOME_KIND),
    st.fixed_dictionaries({}, optional={**OF_SOME_KIND, **OF_SOMEBODY}),
)
STATUSES = st.frozensets(st.sampled_from([*sorted(SHOWN_STATUSES), *HELD_BACK]), max_size=3)


@settings(max_examples=1000)
@given(
    records(),
    ASKED,
    STATUSES,
    st.sampled_from([*PEOPLE, None]),
    st.sampled_from(TEAMS),
    st.sampled_from(PARTNERS),
    st.booleans(),
)
def test_what_meets_the_condition_is_found_by_a_key(
    record: dict[str, Any],
    asked: dict[str, str],
    statuses: frozenset[str],
    reader: str | None,
    team: str | None,
    partner: str | None,
    moderates: bool,
):
    statuses |= {record["status"]} if statuses else set()
    if reader is None:
        team = partner = None
    badges = badges_of(reader, team, partner, moderates=moderates)
    selection = select(asked, badges=badges, reader=reader, moderates=moderates, statuses=statuses)
    if meets(record, selection.condition) and selection.keys is not None:
        assert not set(selection.keys).isdisjoint(record["found_by"])


@given(records(), STATUSES, st.sampled_from(PEOPLE), st.booleans())
def test_what_is_held_back_shows_to_its_giver_and_moderators_when_it_is_asked_for(
    record: dict[str, Any], statuses: frozenset[str], reader: str, moderates: bool
):
    badges = badges_of(reader, None, None, moderates=moderates)
    selection = select({}, badges=badges, reader=reader, moderates=moderates, statuses=statuses)
    if record["status"] in HELD_BACK and meets(record, selection.condition):
        assert record["status"] in statuses
        assert moderates or record["giver"] == reader


def test_a_feed_of_everybody_has_no_key_and_each_rare_kind_of_feed_has_one():
    def keys(statuses: str = "", *, moderates: bool = False, **asked: str) -> Any:
        return select(
            asked,
            badges=badges_of("person:ada", "team:a", None, moderates=moderates),
            reader="person:ada",
            moderates=moderates,
            statuses=frozenset(statuses.split()),
        ).keys

    assert keys() is None
    assert keys(kind="thank_you") is None
    assert keys(kind="please") == ("kind:please",)
    assert keys(value="quality") == ("value:quality",)
    assert keys("open promised") == ("status:open", "status:promised")
    assert keys("given open", kind="please") == ("status:open",)
    assert keys("held") == ("person:ada",)
    assert keys("held", moderates=True) == ("status:held",)
    assert keys("open", recipient="person:bob", value="quality") == ("person:bob",)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5))), st.integers(1, 10))
def test_the_newest_of_several_lists_stand_once_in_order(places: Any, limit: int):
    records = [{"_id": f"{at}-{number}", "given_at": at} for at, number in places]
    found = [record["_id"] for record in newest(records, limit)]
    assert found == sorted({record["_id"] for record in records}, reverse=True)[:limit]
