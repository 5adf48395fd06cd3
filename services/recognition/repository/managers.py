"""Who manages whom, kept in memory for as long as no writer took a turn at the directory.

Each thank-you asks for the lines above its people; managers are few and change rarely, so all but
the first ask one document, every other second (docs/adr/0073).
"""

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from services.recognition.domain.attribution import MOST_MANAGERS
from services.recognition.repository.directory_layout import HEAD
from shared.mongo import find_many

Document = dict[str, Any]
KEPT_SECONDS = 2.0
_MOST_KEPT = 20_000


@dataclass(slots=True)
class _Known:
    """The managers of some people (None: nobody) as of one turn, looked up at `at`."""

    turn: int
    at: float
    managers: dict[str, str | None] = field(default_factory=dict)


class Managers:
    """Reads the collection `directory`, and the turn of its writers."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["directory"]
        self._heads = database["heads"]
        self._known: _Known | None = None

    def above(self, people: Mapping[str, str | None]) -> dict[str, str | None]:
        """`people` ({person: manager}) and the same of everybody above them: one query at most
        for each step up, and none for what is known."""
        found = dict(people)
        asked = {manager for manager in people.values() if manager} - found.keys()
        if not asked:
            return found
        known = self._current().managers
        for _ in range(MOST_MANAGERS):
            if not asked:
                break
            step = {ref: known[ref] for ref in asked & known.keys()}
            step |= self._read(asked - step.keys(), known)
            found |= step
            asked = {manager for manager in step.values() if manager} - found.keys()
        return found

    def forget(self) -> None:
        """Look again: this process changed entries."""
        self._known = None

    def _read(self, references: Set[str], known: dict[str, str | None]) -> dict[str, str | None]:
        if not references:
            return {}
        entries = find_many(self._collection, "_id", references, {"manager": 1})
        read = dict.fromkeys(references) | {each["_id"]: each.get("manager") for each in entries}
        if len(known) < _MOST_KEPT:
            known.update(read)
        return read

    def _current(self) -> _Known:
        """What is known as of the turn of now. Another thread may go on with what it has, which is
        then not taken over: what was read before a turn never stands beside what came after."""
        known, now = self._known, time.monotonic()
        if known is not None and known.at > now - KEPT_SECONDS:
            return known
        head = self._heads.find_one(HEAD, {"turn": 1}) or {}
        turn = head.get("turn", 0)
        managers = known.managers if known is not None and known.turn == turn else {}
        self._known = fresh = _Known(turn, now, managers)
        return fresh
