"""What live streams tell: items as GET /inbox shows them, written once for all who get the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.notifier.domain.event_stream import (
    ITEM,
    RETRY_MILLISECONDS,
    UNREAD,
    event,
    mark,
    retry,
)
from services.notifier.domain.payload import references_in
from services.notifier.domain.readability import Reader, may_read
from services.notifier.inboxes import item_view, who_of
from services.notifier.repository import Repository
from shared.erased import Erased, inactive_when_erased
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.web.problems import Forbidden

PAGE = 200
"""How many sequence numbers one look covers."""

Told = tuple[int, bytes]
"""The sequence number of an item, and the event that tells it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands: the newest sequence number, how many items up to it are unread, what
    they read as, and whether they may read at all."""

    head: int
    unread: int
    reader: Reader
    is_active: bool


@dataclass(slots=True)
class Part:
    """Items of one person, oldest first, and what `compose` makes of them in `told`.

    `unread` is how many are unread: before them when they are new (`counts`: they are counted
    on), else now.
    """

    reader: Reader
    items: Sequence[Document]
    unread: int
    counts: bool = True
    told: list[Told] = field(default_factory=list)


class News:
    """Reads inboxes for streams. Everything here blocks while the database answers."""

    def __init__(self, repository: Repository, public_url: str | None) -> None:
        self._inbox = repository.inbox
        self._recognitions = repository.recognitions
        self._directory = repository.directory
        self._find = inactive_when_erased(repository.directory.find, Erased(repository.db))
        self._public_url = public_url

    def standing(self, person: str) -> Standing:
        """Where `person` stands now."""
        entry = self._find(person)
        head = self._inbox.last_sequence(person)
        reader = Reader(person, (entry or {}).get("team"), (entry or {}).get("partner"))
        is_active = entry is None or bool(entry.get("active", True))
        return Standing(head, self._inbox.unread(person, head), reader, is_active)

    def heads(self, people: Sequence[str]) -> dict[str, int]:
        """The newest sequence number of each who has one."""
        return self._inbox.heads(people)

    def unread(self, positions: Mapping[str, int]) -> dict[str, int]:
        """How many items up to their position are unread, by person."""
        return {person: self._inbox.unread(person, high) for person, high in positions.items()}

    def page(self, reader: Reader, after: int, head: int, unread: int) -> tuple[list[Told], int]:
        """What comes after `after`, `PAGE` numbers at most and none above `head`; and the number
        that it reaches to. `unread` is how many are, which each item carries."""
        assert reader.person is not None
        reached = min(head, after + PAGE)
        items = self._inbox.between(reader.person, after + 1, reached + 1)
        part = Part(reader, items[::-1], unread, counts=False)
        self.compose([part])
        return part.told, reached

    def at_once(self, person: str, after: int | None) -> bytes:
        """A whole stream for somebody who comes back after a moment: one page of what is new.
        Raises Forbidden for who is not active."""
        standing = self.standing(person)
        if not standing.is_active:
            raise Forbidden(f"{person} is not active")
        head = standing.head
        position = head if after is None or after > head else after
        told, reached = self.page(standing.reader, position, head, standing.unread)
        events = [data for _, data in told]
        wait = RETRY_MILLISECONDS if reached == head else 0
        unread = event(UNREAD, {"unread": standing.unread}, position)
        return b"".join([retry(wait), unread, *events, mark(reached)])

    def compose(self, parts: Sequence[Part]) -> None:
        """Write the events of `parts`; what may not be read is left out."""
        wanted = dict.fromkeys(item["recognition"] for part in parts for item in part.items)
        rows = self._recognitions.get_many(wanted)
        names = dict.fromkeys(reference for row in rows.values() for reference in _in(row))
        names |= dict.fromkeys(who for part in parts for item in part.items for who in who_of(item))
        written = _Written(rows, self._directory.people(names))
        for part in parts:
            for item in part.items:
                part.unread += part.counts and not (item["read"] or item["hidden"])
                row = rows.get(item["recognition"])
                if item["hidden"] or row is None:
                    continue
                if not may_read(part.reader, row["state"], row["attribution"]):
                    continue
                view = item_view(item, written.recognition(row, part.reader), self._public_url)
                data = {
                    **view,
                    "people": written.people(row, tuple(view["who"])),
                    "unread": part.unread,
                }
                part.told.append((item["sequence"], event(ITEM, data, item["sequence"])))


class _Written:
    """Recognitions and their people in JSON, each written once where all see the same."""

    def __init__(self, rows: Mapping[str, Document], people: Mapping[str, Document]) -> None:
        self._all = people
        self._has_reacted = {
            key: {one for those in row["state"]["reactions"].values() for one in those}
            for key, row in rows.items()
        }
        self._fragments: dict[tuple[str, str, str | None], orjson.Fragment] = {}

    def recognition(self, row: Document, reader: Reader) -> Any:
        """As `reader` sees it: only who reacted sees it in a way of their own."""
        viewer = reader.person if reader.person in self._has_reacted[row["_id"]] else None
        key = ("recognition", row["_id"], viewer)
        if key not in self._fragments:
            self._fragments[key] = orjson.Fragment(orjson.dumps(public_view(row["state"], viewer)))
        return self._fragments[key]

    def people(self, row: Document, who: tuple[str, ...]) -> Any:
        """The names of everybody in it, and of who did it."""
        key = ("people", row["_id"], "\n".join(who))
        if key not in self._fragments:
            names = {reference: self._all[reference] for reference in (*_in(row), *who)}
            self._fragments[key] = orjson.Fragment(orjson.dumps(names))
        return self._fragments[key]


def _in(row: Document) -> list[str]:
    return references_in(row["state"])
