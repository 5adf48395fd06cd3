"""What events bring to people, in the fan-out's transaction: items of their inboxes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.addressing import Addressing
from services.notifier.domain.audience import RESTORED, as_told, told
from services.notifier.domain.flurries import WINDOW, Book, mark_of
from services.notifier.domain.identity import inbox_item_id
from services.notifier.repository import Repository
from services.notifier.repository.inbox import Inbox, latest, new_item, news
from services.notifier.tellings import Telling
from shared.eventlog.follower import BatchTooLarge
from shared.mongo import Document

if TYPE_CHECKING:
    from services.notifier.fanning import RecognitionChange

_INBOX = "inbox"
_MOST_WRITES = 2500
"""Of one transaction (docs/adr/0012). One event to more people than that still goes as one."""

_items = Counter("kudos_inbox_items", "Inbox items made", ["type"])


class Teller:
    """Tells people what a batch of events brings."""

    def __init__(
        self, repository: Repository, channels: Collection[str], organisation_zone: str
    ) -> None:
        self._repository = repository
        self._addressing = Addressing(repository, channels, organisation_zone)
        self._writes_for_each = 2 + len(channels)
        """Documents at most for a person and an event: item, head of the inbox, messages."""

    def tell(
        self,
        changes: Iterable["RecognitionChange"],
        news: Collection[str],
        now: datetime,
        session: ClientSession,
        *,
        doubts: bool,
    ) -> None:
        """Tell of the events in `news` (ids); the others only take back what was told before.
        `doubts`: look whether ids are there already (fanning.py).

        Raises BatchTooLarge when that were too much for one transaction.
        """
        members = _Members(self._repository, session)
        telling = [
            each
            for change in changes
            if (each := self._telling(change, change.event_id in news, members, session))
        ]
        if len(telling) > 1 and self._writes(telling) > _MOST_WRITES:
            raise BatchTooLarge
        if telling:
            people = dict.fromkeys(person for each in telling for person in each.people)
            entries = self._repository.directory.entries(people, session)
            telling = _without_leavers(telling, entries)
            _fill_inboxes(self._repository.inbox, telling, now, session, doubts=doubts)
            self._addressing.write(telling, entries, now, session, doubts=doubts)

    def _writes(self, telling: Sequence[Telling]) -> int:
        return sum(len(each.people) for each in telling) * self._writes_for_each

    def _telling(
        self,
        event: "RecognitionChange",
        is_news: bool,
        members: "_Members",
        session: ClientSession,
    ) -> Telling | None:
        """None for what changes nothing of what anybody is told."""
        mark = mark_of(event.type, event.recognition_id, event.change)
        found = Telling(event, event.type, {}, mark)
        if found.is_undoing:
            return found if mark else None
        if not is_news:
            return None
        state, inbox = event.row["state"], self._repository.inbox
        is_first = event.type == RESTORED and not inbox.is_told(event.recognition_id, session)
        told_as = as_told(event.type, state, is_first=is_first)
        people = told(told_as, state, event.change, members.of)
        return Telling(event, told_as, people, mark) if people else None


class _Members:
    """Who is in a team or partner, asked once for each."""

    def __init__(self, repository: Repository, session: ClientSession) -> None:
        self._repository = repository
        self._session = session
        self._known: dict[str, list[str]] = {}

    def of(self, group: str) -> list[str]:
        if group not in self._known:
            self._known[group] = self._repository.directory.members(group, self._session)
        return self._known[group]


def _without_leavers(telling: Sequence[Telling], entries: Mapping[str, Document]) -> list[Telling]:
    """Who has left is told nothing; who is in no directory finds it in the inbox all the same."""
    gone = {person for person, entry in entries.items() if not entry.get("active", True)}
    if not gone:
        return list(telling)
    left = [{who: as_ for who, as_ in each.people.items() if who not in gone} for each in telling]
    return [replace(each, people=people) for each, people in zip(telling, left, strict=True)]


def _fill_inboxes(
    inbox: Inbox,
    telling: Sequence[Telling],
    now: datetime,
    session: ClientSession,
    *,
    doubts: bool,
) -> None:
    keys = {each.folds(person, _INBOX) for each in telling if each.mark for person in each.people}
    marks = {each.mark for each in telling if each.mark and each.is_taken_back}
    book = Book(inbox.foldable(keys, marks, session), now)
    items: list[Document] = []
    for each in telling:
        if each.mark and each.is_taken_back:
            book.take_back(each.mark)
        for person in each.people:
            new = partial(_item, each, person, now)
            if each.mark:
                book.tell(each.folds(person, _INBOX), _act(each, now), new)
            else:
                items.append(new())
    if doubts:
        there = inbox.existing([item["_id"] for item in items], session)
        items = [item for item in items if item["_id"] not in there]
    items += [news(item) for item in book.told()]
    gone = [item["_id"] for item in book.emptied()]
    inbox.add(items, session)
    inbox.amend([latest(item) for item in book.amended()], gone, session)
    for item in items:
        _items.labels(item["type"]).inc()


def _item(telling: Telling, person: str, now: datetime) -> Document:
    event = telling.event
    item = new_item(
        inbox_item_id(event.event_id, person),
        person=person,
        event_id=event.event_id,
        event_type=telling.type,
        recognition_id=event.recognition_id,
        by=event.change["by"],
        at=now,
    )
    return {**item, "folds_until": now + WINDOW} if telling.mark else item


def _act(telling: Telling, now: datetime) -> Document:
    event = telling.event
    act = {"mark": telling.mark, "type": telling.type, "by": event.change["by"], "at": now}
    return {**act, "event_id": event.event_id}
