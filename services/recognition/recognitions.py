"""Recognitions: giving and reading them. One function here is what one request does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.acting import Acting
from services.recognition.domain import please
from services.recognition.domain.amending import shown_history
from services.recognition.domain.change import Actor
from services.recognition.domain.feed import Selection, select
from services.recognition.domain.recognition import (
    CLOCK_SKEW,
    EVENT_OF_CREATION,
    PLEASE,
    Record,
    create,
    echo_key,
    first_of,
)
from services.recognition.domain.refusal import refuse
from services.recognition.domain.service_levels import providers_of
from services.recognition.domain.state import plain
from services.recognition.events import put_recognition_event
from services.recognition.fair_play import FairPlay
from services.recognition.repository import (
    DirectoryRepository,
    FeedRepository,
    RecognitionRepository,
    ServiceLevelRepository,
    ValueRepository,
)
from services.recognition.repository.windows import Position
from services.recognition.views import Views
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.web.problems import Conflict, Forbidden, NotFound

Document = dict[str, Any]
_NEVER = datetime.max.replace(tzinfo=UTC)


class Recognitions:
    """What people do with recognitions, over the repositories that store them."""

    def __init__(
        self,
        recognitions: RecognitionRepository,
        feed: FeedRepository,
        directory: DirectoryRepository,
        values: ValueRepository,
        levels: ServiceLevelRepository,
        acting: Acting,
        views: Views,
        fair_play: FairPlay,
    ) -> None:
        self._recognitions = recognitions
        self._feed = feed
        self._directory = directory
        self._values = values
        self._levels = levels
        self._acting = acting
        self._views = views
        self._fair_play = fair_play

    def give(self, caller: Caller, asked: Mapping[str, Any], session: ClientSession) -> Document:
        """Store a new recognition with its event; its view for the caller, with `people`.

        Raises Forbidden for a giver or a time that the caller may not choose, Refusal for what
        breaks a rule, Repeated and LimitReached.
        """
        giver = self._giver(caller, asked)
        if asked.get("given_at") and not caller.has(scopes.IMPORT):
            raise Forbidden("given_at of one's own choosing needs the scope kudos:import")
        now = self._acting.now()
        answered = self._linked(caller, asked, "answers", session)
        echoed = self._linked(caller, asked, "echoes", session)
        named = asked.get("recipients") or (echoed["recipients"] if echoed else [])
        directory = self._directory.entries_with_teams([giver, *named])
        record = create(
            asked,
            recognition_id=new_id(),
            giver=giver,
            directory=directory,
            managers=self._directory.lines_above(directory.values()),
            values=self._values.in_use(asked.get("values", ())),
            now=now,
            echoed=echoed,
            levels=self._levels_of(asked, directory),
        )
        put_recognition_event(record, EVENT_OF_CREATION[record["kind"]], by=caller.person, at=now)
        self._answer(record, answered, now, session)
        self._echo(record, echoed, session)
        advice = self._fair_play.enter(record, now, session) if self._fair_play.is_on else []
        self._recognitions.insert(record, session)
        return {**self._views.fresh(record, caller.person, directory), "advice": advice}

    def get(self, caller: Caller, recognition_id: str) -> Document:
        """One recognition as the caller may read it, with `people`. Raises NotFound."""
        record, badges = self._acting.read(caller, recognition_id)
        return self._views.one(record, caller.person, badges)

    def history(self, caller: Caller, recognition_id: str) -> list[Document]:
        """What was done to it, the oldest first; what it said before for moderators only."""
        record, _ = self._acting.read(caller, recognition_id)
        entries = shown_history(record, caller.person, moderates=caller.has(scopes.MODERATE))
        return [dict(plain(entry)) for entry in entries]

    def feed(
        self,
        caller: Caller,
        asked: Mapping[str, Any],
        statuses: frozenset[str],
        after: Position | None,
        limit: int,
    ) -> tuple[list[Document], Position | None, Document]:
        """A page of views, the position that it ends at when there may be more, and `people`."""
        badges = self._acting.badges(caller)
        latest = self._acting.now() + CLOCK_SKEW  # nothing is given later
        records = self._feed.page(
            self._selection(caller, asked, badges, statuses),
            until=min(asked.get("until") or latest, latest),
            since=asked.get("since"),
            after=after,
            limit=limit + 1,
        )
        page = records[:limit]
        more = (page[-1]["given_at"], page[-1]["_id"]) if len(records) > limit else None
        items, people = self._views.several(page, caller.person, badges)
        return items, more, people

    def owed_by(
        self, caller: Caller, asked: Mapping[str, Any], statuses: frozenset[str]
    ) -> tuple[list[Document], Document]:
        """What `asked["owed_by"]` owes, of what the feed would show the caller, soonest due first,
        and `people`."""
        person = asked["owed_by"]
        entry = self._directory.get(person) or {}
        groups = [group for group in (entry.get("team"), entry.get("partner")) if group]
        badges = self._acting.badges(caller)
        records = self._recognitions.owed_by(
            [person, *groups],
            self._selection(caller, asked, badges, statuses).condition,
            since=asked.get("since"),
            until=asked.get("until"),
        )
        records.sort(key=lambda record: (_due(record), record["_id"]))
        return self._views.several(records, caller.person, badges)

    def _selection(
        self,
        caller: Caller,
        asked: Mapping[str, Any],
        badges: list[str],
        statuses: frozenset[str],
    ) -> Selection:
        return select(
            asked,
            badges=badges,
            reader=caller.person,
            moderates=caller.has(scopes.MODERATE),
            statuses=statuses,
        )

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
        return self._levels.in_force(providers_of(asked.get("recipients", ()), directory))

    def _linked(
        self, caller: Caller, asked: Mapping[str, Any], field: str, session: ClientSession | None
    ) -> Record | None:
        """The recognition that `answers` or `echoes` names. Raises Refusal."""
        if not asked.get(field):
            return None
        try:
            return self._acting.readable(caller, asked[field], session)
        except NotFound as problem:
            raise refuse(f"/{field}", str(problem.detail)) from None

    def _answer(
        self, record: Record, asked: Record | None, now: datetime, session: ClientSession
    ) -> None:
        """Close the please that the thank-you `record` answers."""
        if asked is None:
            return
        if asked["kind"] != PLEASE:
            raise refuse("/answers", "is a thank-you: only a please is answered")
        if asked["giver"] != record["giver"]:
            raise refuse("/answers", f"was asked by {asked['giver']}, who alone can thank for it")
        who = Actor(record["giver"])
        change = please.thank(asked, who, now, thank_you=record["_id"])
        if change is not None:
            self._acting.write(asked, change, who.person, now, session)

    def _echo(self, record: Record, echoed: Record | None, session: ClientSession) -> None:
        """Count the echo `record`, of which everybody has one; it folds under the first while that
        is shown. An echo of an echo repeats the first one, which may be the giver's own."""
        if echoed is None:
            return
        first_id = first_of(echoed)
        first = self._recognitions.get(first_id, session) or echoed
        if first["giver"] == record["giver"]:
            raise refuse("/echoes", "repeats your own: others may echo it")
        key = echo_key(first_id, record["giver"])
        if there := self._recognitions.find_echo(key, session):
            location = f"/recognition/v1/recognitions/{there['_id']}"
            raise Conflict("You have echoed this already", location=location)
        if first["status"] != "given":
            del record["is_folded"]
        self._recognitions.count_echo(first_id, 1, session)


def _due(record: Record) -> datetime:
    promise = record["promise"]
    due: datetime = promise["due_at"] if promise else record["needed_by"] or _NEVER
    return due
