"""Recognitions: giving and reading them. One function here is what one request does."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.domain.feed import feed_condition
from services.recognition.domain.recognition import (
    CLOCK_SKEW,
    EVENT_OF_CREATION,
    PLEASE,
    Record,
    create,
)
from services.recognition.domain.service_levels import providers_of
from services.recognition.domain.state import recognition_state
from services.recognition.domain.visibility import SHOWN_STATUSES, badges_of
from services.recognition.events import put_recognition_event
from services.recognition.repository import (
    DirectoryRepository,
    RecognitionRepository,
    ServiceLevelRepository,
    ValueRepository,
)
from services.recognition.repository.recognitions import Position
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.recognition_view import public_view
from shared.web.problems import Forbidden, NotFound

Document = dict[str, Any]
_NEVER = datetime.max.replace(tzinfo=UTC)


class Recognitions:
    """What people do with recognitions, over the repositories that store them."""

    def __init__(
        self,
        recognitions: RecognitionRepository,
        directory: DirectoryRepository,
        values: ValueRepository,
        levels: ServiceLevelRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._recognitions = recognitions
        self._directory = directory
        self._values = values
        self._levels = levels
        self._now = now

    def give(
        self, caller: Caller, asked: Mapping[str, Any], session: ClientSession | None
    ) -> Document:
        """Store a new recognition with its event; its view for the caller, with `people`.

        With a session it is part of that transaction. Raises Forbidden for a giver or a time that
        the caller may not choose, Refusal for what breaks a rule.
        """
        giver = self._giver(caller, asked)
        if asked.get("given_at") and not caller.has(scopes.IMPORT):
            raise Forbidden("given_at of one's own choosing needs the scope kudos:import")
        now = self._now()
        directory = self._directory.entries_with_teams([giver, *asked["recipients"]])
        record = create(
            asked,
            recognition_id=new_id(),
            giver=giver,
            directory=directory,
            values=self._values.in_use(asked.get("values", ())),
            now=now,
            levels=self._levels_of(asked, directory),
        )
        put_recognition_event(record, EVENT_OF_CREATION[record["kind"]], by=caller.person, at=now)
        self._recognitions.insert(record, session)
        return {**_view(record, caller.person), "people": summaries([record], directory)}

    def get(self, caller: Caller, recognition_id: str) -> Document:
        """One recognition as the caller may read it, with `people`. Raises NotFound."""
        record = self._recognitions.get(recognition_id)
        if record is None or not self._may_read(caller, record):
            raise NotFound(f"There is no recognition {recognition_id} that you may read")
        return {**_view(record, caller.person), "people": self._people([record])}

    def feed(
        self,
        caller: Caller,
        asked: Mapping[str, Any],
        statuses: frozenset[str],
        after: Position | None,
        limit: int,
    ) -> tuple[list[Document], Position | None, Document]:
        """A page of views, the position that it ends at when there may be more, and `people`."""
        condition = feed_condition(
            asked,
            badges=self._badges(caller),
            reader=caller.person,
            moderates=caller.has(scopes.MODERATE),
            statuses=statuses,
        )
        until = asked.get("until") or self._now() + CLOCK_SKEW
        records = self._recognitions.feed(
            condition, until=until, since=asked.get("since"), after=after, limit=limit + 1
        )
        page = records[:limit]
        more = (page[-1]["given_at"], page[-1]["_id"]) if len(records) > limit else None
        return [_view(record, caller.person) for record in page], more, self._people(page)

    def owed_by(self, caller: Caller, person: str) -> tuple[list[Document], Document]:
        """What `person` owes, of what the caller may read, soonest due first, and `people`."""
        entry = self._directory.get(person) or {}
        groups = [group for group in (entry.get("team"), entry.get("partner")) if group]
        records = self._recognitions.owed_by([person, *groups], self._badges(caller))
        records.sort(key=lambda record: (_due(record), record["_id"]))
        return [_view(record, caller.person) for record in records], self._people(records)

    def _giver(self, caller: Caller, asked: Mapping[str, Any]) -> str:
        giver = asked.get("giver") or caller.person
        if giver is None:
            raise Forbidden(
                "this key stands for nobody: name a person in Kudos-On-Behalf-Of or as giver"
            )
        if giver != caller.person and not caller.has(scopes.IMPORT):
            raise Forbidden(f"you may not give in the name of {giver}; leave `giver` out")
        return str(giver)

    def _levels_of(
        self, asked: Mapping[str, Any], directory: Mapping[str, Document]
    ) -> list[Document]:
        """The service levels that a please may find."""
        if asked["kind"] != PLEASE:
            return []
        return self._levels.in_force(providers_of(asked["recipients"], directory))

    def _badges(self, caller: Caller) -> list[str]:
        entry = self._directory.get(caller.person) if caller.person else None
        entry = entry or {}
        return badges_of(
            caller.person,
            entry.get("team"),
            entry.get("partner"),
            moderates=caller.has(scopes.MODERATE),
        )

    def _may_read(self, caller: Caller, record: Record) -> bool:
        if not set(record["audience"]).intersection(self._badges(caller)):
            return False
        return (
            record["status"] in SHOWN_STATUSES
            or record["giver"] == caller.person
            or caller.has(scopes.MODERATE)
        )

    def _people(self, records: Iterable[Record]) -> Document:
        records = list(records)
        references = {ref for record in records for ref in (record["giver"], *record["recipients"])}
        return summaries(records, self._directory.entries(references))


def summaries(records: Iterable[Record], directory: Mapping[str, Document]) -> Document:
    """`people`: name, team and photo of everybody whom the records name, by reference."""
    people = {}
    for record in records:
        for reference in (record["giver"], *record["recipients"]):
            entry = directory.get(reference, {"name": reference.partition(":")[2]})
            people[reference] = {
                "name": entry["name"],
                "team": entry.get("team"),
                "photo_url": entry.get("photo_url"),
            }
    return people


def _view(record: Record, reader: str | None) -> Document:
    return public_view(recognition_state(record), reader)


def _due(record: Record) -> datetime:
    promise = record["promise"]
    due: datetime = promise["due_at"] if promise else record["needed_by"] or _NEVER
    return due
