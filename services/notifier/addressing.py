"""From whom an event is told to, to the messages by mail and chat that they chose to get.

In the fan-out's transaction, so that whatever dies there is exactly one of each.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.domain.flurries import WINDOW, Book, is_amended
from services.notifier.domain.identity import message_id
from services.notifier.domain.preferences import NOTHING, Preferences, is_chosen, zone_of
from services.notifier.domain.quiet_hours import end_of_quiet, quiet_hours_of
from services.notifier.repository import Repository
from services.notifier.repository.messages import cancelled, new_message
from services.notifier.tellings import Telling
from shared.mongo import Document

_MARGIN = timedelta(seconds=5)
"""So long before a message is due nothing more is folded into it: clocks of hosts may differ."""
_DUE_IN_A_MILLISECOND = 10

_made = Counter("kudos_messages_made", "Messages by mail and chat made", ["channel", "kind"])


@dataclass(frozen=True, slots=True)
class _Address:
    """One message to be: of what, to whom, over which channel, not before when."""

    telling: Telling
    person: str
    channel: str
    due_at: datetime

    @property
    def kind(self) -> str:
        return self.telling.people[self.person]

    @property
    def folds(self) -> str:
        return self.telling.folds(self.person, self.channel)


class Addressing:
    """Writes the messages that a batch of events brings over `channels` (names)."""

    def __init__(
        self, repository: Repository, channels: Collection[str], organisation_zone: str
    ) -> None:
        self._repository = repository
        self._channels = sorted(channels)
        self._zone = organisation_zone

    def write(
        self,
        telling: Sequence[Telling],
        entries: Mapping[str, Document],
        now: datetime,
        session: ClientSession,
        *,
        doubts: bool,
    ) -> None:
        """Store the messages that people chose to get, each once; what waits loses what is taken
        back, and says what was amended. `entries`: the directory's of whom it is told; `doubts`:
        look whether ids are there already (fanning.py)."""
        if not self._channels:
            return
        addresses = list(self._addresses(telling, entries, now, session))
        folds = {each.folds for each in addresses if each.telling.mark}
        marks = {each.mark for each in telling if each.mark and not each.people}
        found = self._repository.messages.foldable(folds, marks, session)
        book, new = Book(found, now), list[Document]()
        by_telling: dict[int, list[_Address]] = {}
        for address in addresses:
            by_telling.setdefault(id(address.telling), []).append(address)
        for each in telling:
            self._undo(book, each)
            for address in by_telling.get(id(each), ()):
                message = _message(address, now)
                act = message["acts"][0]
                if each.mark is None:
                    new.append(message)
                else:
                    book.tell(address.folds, act, lambda message=message: _opened(message))  # type: ignore[misc]
        emptied = [cancelled(each, "taken back", now) for each in book.emptied()]
        messages = self._repository.messages
        store = messages.insert if doubts else messages.add
        store(_spread(new), session)
        messages.fold([*book.told(), *book.amended(), *emptied], session)
        for address in addresses:
            _made.labels(address.channel, address.kind).inc()

    def _undo(self, book: Book, telling: Telling) -> None:
        if telling.mark and telling.is_taken_back:
            book.take_back(telling.mark)
        elif telling.mark and is_amended(telling.event.type):
            book.amend(telling.mark, telling.event.change)

    def _addresses(
        self,
        telling: Sequence[Telling],
        entries: Mapping[str, Document],
        now: datetime,
        session: ClientSession,
    ) -> Iterator[_Address]:
        people = dict.fromkeys(person for each in telling for person in each.people)
        stored = self._repository.preferences.of_many(people, session)
        for each in telling:
            for person, kind in each.people.items():
                entry, preferences = entries.get(person), stored.get(person, NOTHING)
                for channel in self._channels:
                    is_wanted = is_chosen(preferences, kind, channel)
                    if is_wanted and entry is not None and reach_of(channel, entry, preferences):
                        at = now + WINDOW if each.mark else now
                        due_at = not_before(at, entry, preferences, self._zone)
                        yield _Address(each, person, channel, due_at)


def reach_of(channel: str, entry: Mapping[str, object], preferences: Preferences) -> bool:
    """Whether somebody can be reached over a channel."""
    if not entry.get("active", True):
        return False
    return bool(entry.get("email") if channel == "mail" else preferences.get("chat_url"))


def not_before(
    at: datetime, entry: Mapping[str, object], preferences: Preferences, organisation_zone: str
) -> datetime:
    """From when on somebody may be disturbed, from `at` on."""
    quiet = quiet_hours_of(preferences.get("quiet_hours"))
    if quiet is None:
        return at
    names = (preferences.get("timezone"), entry.get("timezone"), organisation_zone)
    return end_of_quiet(at, zone_of(str(name or "") for name in names), quiet)


def _message(address: _Address, now: datetime) -> Document:
    telling, event = address.telling, address.telling.event
    act = {
        "event_id": event.event_id,
        "type": telling.type,
        "recognition": event.recognition_id,
        "by": event.change["by"],
        "at": event.occurred_at,
        "change": event.change,
        "kind": address.kind,
    }
    return new_message(
        message_id(event.event_id, address.person, address.channel),
        person=address.person,
        channel=address.channel,
        kind=address.kind,
        acts=[{**act, "mark": telling.mark} if telling.mark else act],
        due_at=address.due_at,
        now=now,
    )


def _opened(message: Document) -> Document:
    return {**message, "folds_until": message["due_at"] - _MARGIN}


def _spread(messages: Sequence[Document]) -> list[Document]:
    """Due a little after one another, so that the loop can look at a few of many."""
    return [
        {**each, "due_at": each["due_at"] + timedelta(milliseconds=place // _DUE_IN_A_MILLISECOND)}
        for place, each in enumerate(messages)
    ]
