"""The milestones of a person, as those read them who may."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.leaderboard.domain.boards import ranked_by
from services.leaderboard.domain.ranking import takes_rank
from services.leaderboard.present import Present
from services.leaderboard.repository.milestones import MilestoneRepository
from services.leaderboard.views import person_views, teams_of
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client, Document
from shared.web.paging import decode_cursor, page
from shared.web.problems import BadCursor, Forbidden, NotFound

_HIGHEST_LINE = 100
"""How many managers one above the other are looked at, at most."""


class MilestonePages:
    """What the API answers about milestones."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        db = client[settings.database("leaderboard")]
        self._are_boards_of_people = "people" in ranked_by(settings.boards)
        self._directory = db["directory"]
        self._present = Present(settings, client, now)
        self._milestones = MilestoneRepository(db)

    def page(self, caller: Caller, person: str, limit: int, cursor: str | None) -> dict[str, Any]:
        """A page of the milestones of `person`, the newest first.

        Raises Forbidden and NotFound for who may not see them, BadCursor for the cursor of
        another list.
        """
        moment, reader = self._present.moment(), self._present.reader
        known = reader.entries_of([person])
        self._refuse_unless_seen(caller, person, known.get(person))
        before = _place(cursor, person) if cursor else None
        found = self._milestones.of(person, before, limit + 1)
        shown, following = page(found, limit, lambda milestone: [person, milestone["place"]])
        known |= reader.entries_of(teams_of(known.values()))
        return {
            "person": person,
            "items": [_view(milestone) for milestone in shown],
            "next": following,
            "people": person_views(known),
            **self._present.freshness(moment),
        }

    def _refuse_unless_seen(self, caller: Caller, person: str, entry: Document | None) -> None:
        """Oneself, those above in the line of managers and `insights:read` see all; colleagues
        those of people who stand on boards."""
        if caller.person == person:
            return
        if caller.partner is not None:
            raise Forbidden("People of a partner see their own milestones only")
        if caller.has(scopes.INSIGHTS_READ) or self._leads(caller.person, entry):
            return
        if entry is None or not takes_rank(entry) or not self._are_boards_of_people:
            raise NotFound(f"There are no milestones of {person} to be seen")

    def _leads(self, manager: str | None, entry: Document | None) -> bool:
        """Whether `manager` is above somebody in the line of managers."""
        if manager is None or entry is None:
            return False
        at: str | None = entry["ref"]
        for _ in range(_HIGHEST_LINE):
            stored = self._directory.find_one({"_id": at}, {"manager": 1}) if at else None
            at = stored.get("manager") if stored else None
            if at is None or at == manager:
                return at == manager
        return False


def _view(milestone: Document) -> dict[str, Any]:
    return {
        "id": milestone["_id"],
        **{name: milestone[name] for name in ("rule", "level", "period", "title", "reached_on")},
        "recorded_at": times.to_rfc3339(milestone["recorded_at"]),
        "announced": milestone["announced"],
    }


def _place(cursor: str, person: str) -> str:
    of, place = decode_cursor(cursor, (str, str))
    if of != person:
        raise BadCursor("This cursor belongs to the milestones of somebody else")
    return str(place)
