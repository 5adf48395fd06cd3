"""Who is told of an event, and as what (DESIGN section 4: those whom it is for; never the actor).

docs/notifications.md is this module for people. Managers are told by their weekly digest alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.notifier.domain.event_types import RECOGNITION
from shared.references import kind_of

RESTORED = f"{RECOGNITION}restored"

Members = Callable[[str], Iterable[str]]
"""Team or partner -> the references of its active people."""

Told = dict[str, str]
"""Person -> the kind (domain/notices.py) as which they are told, in the order of the telling."""

State = Mapping[str, Any]

_GIVEN = {"thank_you": "thanks", "please": "asks"}


def as_told(event_type: str, state: State, *, is_first: bool) -> str:
    """The type as which an event is told. `is_first`: nobody was told of the recognition yet; one
    that was held for review is told as given when it is shown."""
    if event_type == RESTORED and is_first:
        return f"{RECOGNITION}{'thanked' if state['kind'] == 'thank_you' else 'asked'}"
    return event_type


def told(event_type: str, state: State, change: Mapping[str, Any], members: Members) -> Told:
    """The people who are told of an event of a type (`as_told`); each once, whatever makes it
    theirs, and never who did it."""
    find = _AUDIENCES.get(event_type.removeprefix(RECOGNITION))
    found = find(state, change, members) if find else {}
    return {person: kind for person, kind in found.items() if person != change["by"]}


def is_part_of(state: State, badges: Iterable[str]) -> bool:
    """Whether somebody with these badges (person, team, partner) gave, received, promised or
    declined it."""
    parts = {state["giver"], *state["recipients"]}
    parts |= {state[act]["by"] for act in ("promise", "declined") if state[act]}
    return not parts.isdisjoint(badges)


def _recipients(state: State, _change: Mapping[str, Any], members: Members) -> Told:
    """Everyone of a team or partner that received it, and not the giver, who may act for others."""
    people: dict[str, None] = {}
    for recipient in state["recipients"]:
        is_person = kind_of(recipient) == "person"
        people |= dict.fromkeys([recipient] if is_person else members(recipient))
    people.pop(state["giver"], None)
    return dict.fromkeys(people, _GIVEN[state["kind"]])


def _asker(state: State, _change: Mapping[str, Any], _members: Members) -> Told:
    return {state["giver"]: "promises"}


def _who_can_act(state: State, change: Mapping[str, Any], members: Members) -> Told:
    """Whoever promised it; while nobody has, everyone it was asked of."""
    if state["promise"]:
        return {state["promise"]["by"]: "promises"}
    return dict.fromkeys(_recipients(state, change, members), "promises")


def _asker_and_who_can_act(state: State, change: Mapping[str, Any], members: Members) -> Told:
    return _asker(state, change, members) | _who_can_act(state, change, members)


def _fulfilled(state: State, change: Mapping[str, Any], members: Members) -> Told:
    """A thank-you that does it says so itself."""
    return {} if change.get("thank_you") else _asker_and_who_can_act(state, change, members)


def _amended(state: State, change: Mapping[str, Any], members: Members) -> Told:
    """What is asked has changed. Of a thank-you it is no news: the inbox shows it as it stands."""
    is_asked = state["kind"] == "please" and state["status"] in ("open", "promised")
    is_news = is_asked and "message" in change.get("fields", ())
    return _who_can_act(state, change, members) if is_news else {}


def _involved(kind: str) -> Callable[[State, Mapping[str, Any], Members], Told]:
    """Giver, people who received it and promiser; not each member of a team that did."""

    def involved(state: State, _change: Mapping[str, Any], _members: Members) -> Told:
        people = [state["giver"], *(r for r in state["recipients"] if kind_of(r) == "person")]
        if state["promise"]:
            people.append(state["promise"]["by"])
        return dict.fromkeys(people, kind)

    return involved


def _due_soon(state: State, _change: Mapping[str, Any], _members: Members) -> Told:
    return {state["promise"]["by"]: "reminders"} if state["promise"] else {}


def _overdue(state: State, _change: Mapping[str, Any], _members: Members) -> Told:
    promise = state["promise"]
    return {promise["by"]: "overdue", state["giver"]: "overdue"} if promise else {}


def _unanswered(state: State, change: Mapping[str, Any], members: Members) -> Told:
    """Who can answer, and who may ask elsewhere."""
    asked = _recipients(state, change, members)
    return dict.fromkeys([*asked, state["giver"]], "reminders")


def _unthanked(state: State, _change: Mapping[str, Any], _members: Members) -> Told:
    return {state["giver"]: "reminders"}


_AUDIENCES: Mapping[str, Callable[[State, Mapping[str, Any], Members], Told]] = {
    "thanked": _recipients,
    "asked": _recipients,
    "promised": _asker,
    "promise_moved": _asker,
    "released": _asker_and_who_can_act,
    "fulfilled": _fulfilled,
    "reopened": _who_can_act,
    "declined": _asker,
    "withdrawn": _who_can_act,
    "amended": _amended,
    "commented": _involved("comments"),
    "reacted": _involved("reactions"),
    "due_soon": _due_soon,
    "overdue": _overdue,
    "unanswered": _unanswered,
    "unthanked": _unthanked,
}
