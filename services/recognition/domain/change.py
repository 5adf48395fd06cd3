"""What an act makes of a recognition: the record afterwards, and the event that tells of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.recognition.domain.clock import next_tick
from services.recognition.domain.feed import found_by
from services.recognition.domain.refusal import WrongState
from services.recognition.domain.visibility import audience_of, badges_of

Record = dict[str, Any]

NEW_COURSE: Record = {
    "answered_at": None,
    "declines": [],
    "due_set_at": None,
    "moved_late": False,
    "fulfilled_by": None,
    "thanked": False,
    "told": {},
    "shown_as": None,
    "reported": False,
}
"""What the rules remember of a recognition besides what its readers see: when the first word came,
who declined, when the promise was last set and whether it was once moved too late, what time alone
has told (domain/clock.py), the status to go back to when it is shown again, whether moderators
have a report of it."""

REVISED = ("recipients", "message", "values", "visibility", "status", "promise")
"""What a reader would want to know of before changing it: its change makes a new revision."""

MOST_HISTORY = 200
"""Entries of a recognition's history: what is changed more often has to be written anew."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: full references; `team` (with `ancestors`, those above it, nearest first) and
    `partner` are those they belong to now."""

    person: str
    team: str | None = None
    partner: str | None = None
    moderates: bool = False
    ancestors: tuple[str, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Everything by which a recognition may address them."""
        return frozenset(ref for ref in (self.person, self.team, self.partner) if ref)

    @property
    def side(self) -> Record:
        """For whom they stand now, without who they are (domain/attribution.py)."""
        return {"team": self.team, "partner": self.partner, "ancestors": list(self.ancestors)}

    @property
    def badges(self) -> list[str]:
        """By which they may read recognitions (domain/visibility.py)."""
        return badges_of(self.person, self.team, self.partner, moderates=self.moderates)


@dataclass(frozen=True, slots=True)
class Change:
    """`record` as the act leaves it, with its version not raised yet; `event` in the past tense;
    `brought`: what the event's `change` holds besides who and when."""

    record: Record
    event: str
    brought: Mapping[str, Any] = field(default_factory=dict)
    by_privilege: bool = False
    """Whether it took a moderator's right, and so leaves an entry in the audit log."""


def noted(record: Record, by: str | None, at: datetime, act: str, **was: Any) -> list[Any]:
    """The history of `record` with one more entry."""
    return [*record["history"], {"at": at, "by": by, "act": act, **was}]


def require_room(record: Mapping[str, Any]) -> None:
    """Raise WrongState when the history is full; for acts that can be repeated at will."""
    if len(record["history"]) >= MOST_HISTORY:
        raise WrongState(f"this was changed {MOST_HISTORY} times, and no more: write a new one")


def following(before: Record, after: Record) -> Record:
    """The next version of `before`, with everything that follows from the rest."""
    revised = any(before[name] != after[name] for name in REVISED)
    return with_derived(
        {
            **after,
            "version": before["version"] + 1,
            "revision": before["revision"] + (1 if revised else 0),
        }
    )


def with_derived(record: Record) -> Record:
    """`record` with what its other members imply: who may read it, whom it involves, who owes
    it, and when time alone causes something next."""
    derived: Record = {
        **record,
        "audience": audience_of(
            record["visibility"], record["attribution"], was_reported=record["course"]["reported"]
        ),
        "found_by": found_by(record),
    }
    for name, value in (("owed_by", debtors(record)), ("ticks_at", next_tick(record))):
        derived.pop(name, None)
        if value:
            derived[name] = value
    return derived


def debtors(record: Mapping[str, Any]) -> list[str]:
    """Who owes a please: the promiser, or whom it was asked of and who has not declined."""
    if record["status"] == "promised":
        return [record["promise"]["by"]]
    if record["status"] != "open":
        return []
    declined = {each["by"] for each in record["course"]["declines"]}
    return [ref for ref in record["recipients"] if ref not in declined]


def require_status(record: Mapping[str, Any], act: str, allowed: Iterable[str]) -> None:
    """Raise WrongState unless the status is one of `allowed`; `act` reads like `be promised`."""
    allowed = tuple(allowed)
    if record["status"] not in allowed:
        raise WrongState(
            f"this is {record['status']}; only what is {' or '.join(allowed)} can {act}", allowed
        )
