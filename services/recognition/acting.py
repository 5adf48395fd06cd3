"""Acts on a recognition that is there: read, decide by a pure rule, write the next version with its
event. All in one transaction, so that of many at once each sees what the one before it did."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.domain.change import Actor, Change, following
from services.recognition.domain.visibility import badges_of, may_read, reads_by_privilege
from services.recognition.events import put_recognition_event
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    RecognitionRepository,
)
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.web.problems import Forbidden, NotFound

Document = dict[str, Any]

Rule = Callable[[Document, Actor, datetime], Change | None]
"""(record, who acts, when) -> what it becomes, or None when it is so already."""

IN_FLIGHT = timedelta(seconds=20)
"""What somebody was let in for before they left, or were erased, has ended by then."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What an act found and left; `change` is None when it changed nothing."""

    before: Document
    after: Document
    change: Change | None
    actor: Actor
    at: datetime


class Acting:
    """Acts of callers on recognitions, over the repositories that store them."""

    def __init__(
        self,
        recognitions: RecognitionRepository,
        directory: DirectoryRepository,
        audit: AuditRepository,
        now: Callable[[], datetime] = times.now,
        admins: Collection[str] = (),
    ) -> None:
        self._recognitions = recognitions
        self._directory = directory
        self._audit = audit
        self._admins = admins
        self.now = now

    def act(
        self,
        caller: Caller,
        recognition_id: str,
        rule: Rule,
        session: ClientSession,
        *,
        expecting: Callable[[int], None] | None = None,
    ) -> Acted:
        """Let `caller` act. `expecting(revision)` refuses what is not as the caller knows it.

        Raises NotFound for what the caller may not read, Forbidden for one that is no person or
        has left, and what the rule raises.
        """
        actor, now = self.actor(caller, session), self.now()
        before = self._open(actor.badges, caller, recognition_id, session)
        if expecting is not None:
            expecting(before["revision"])
        change = rule(before, actor, now)
        if change is None:
            return Acted(before, before, None, actor, now)
        after = self.write(before, change, actor.person, now, session)
        return Acted(before, after, change, actor, now)

    def write(
        self, before: Document, change: Change, by: str | None, at: datetime, session: ClientSession
    ) -> Document:
        """Store the next version with its event; the record as it is then."""
        after = following(before, change.record)
        noted = {**after}
        put_recognition_event(noted, change.event, by=by, at=at, **change.brought)
        self._recognitions.put_version(before, noted, session)
        return after

    def read(self, caller: Caller, recognition_id: str) -> tuple[Document, list[str]]:
        """The record of what the caller reads, and their badges. Where it is a report alone that
        opens it to a moderator, the reading is audited. Raises NotFound."""
        badges = self.badges(caller)
        record = self._open(badges, caller, recognition_id, None)
        if reads_by_privilege(record, badges):
            self._audit.add(
                [audit_entry(caller, "recognition.read", record["_id"], self.now())], None
            )
        return record, badges

    def readable(
        self, caller: Caller, recognition_id: str, session: ClientSession | None
    ) -> Document:
        """The record of what the caller names and may read. Raises NotFound."""
        return self._open(self.badges(caller), caller, recognition_id, session)

    def _open(
        self,
        badges: list[str],
        caller: Caller,
        recognition_id: str,
        session: ClientSession | None,
    ) -> Document:
        record = self._recognitions.get(recognition_id, session)
        moderates = caller.has(scopes.MODERATE)
        if record is None or not may_read(record, badges, caller.person, moderates=moderates):
            raise NotFound(f"There is no recognition {recognition_id} that you may read")
        return record

    def badges(self, caller: Caller) -> list[str]:
        """By which the caller may read recognitions."""
        named = [caller.person] if caller.person else []
        entry = self._directory.recent(named).get(str(caller.person), {})
        return badges_of(
            caller.person,
            entry.get("team"),
            entry.get("partner"),
            moderates=caller.has(scopes.MODERATE),
        )

    def actor(self, caller: Caller, session: ClientSession | None = None) -> Actor:
        """The person who acts. Raises Forbidden when it is none, or one who has left (whose token
        is trusted for a moment longer: shared/auth/authenticator.py)."""
        if caller.person is None:
            raise Forbidden("this key stands for nobody: name a person in Kudos-On-Behalf-Of")
        entry = self._directory.get(caller.person, session) or {}
        if not entry.get("active", True) and caller.person not in self._admins:
            raise Forbidden(f"{caller.person} is not active")
        team = entry.get("team")
        teams = self._directory.recent([team]) if team else {}
        return Actor(
            caller.person,
            team,
            entry.get("partner"),
            moderates=caller.has(scopes.MODERATE),
            ancestors=tuple(teams[team]["ancestors"]) if team in teams else (),
        )

    def audit(
        self, caller: Caller, acted: Acted, act: str, session: ClientSession, **detail: Any
    ) -> None:
        """Write an act by privilege down, in its transaction."""
        entry = audit_entry(caller, act, acted.before["_id"], acted.at, **detail)
        self._audit.add([entry], session)
