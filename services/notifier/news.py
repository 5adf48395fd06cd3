"""What live streams tell: items as GET /inbox shows them, written once for all who get the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from services.notifier.domain.event_stream import (
    ITEM,
    RETRY_MILLISECONDS,
    UNREAD,
    event,
    mark,
    retry,
)
from services.notifier.domain.readability import Reader
from services.notifier.inboxes import item_view
from services.notifier.repository import Repository
from services.notifier.scenes import Key, Scene, Scenes, key_of
from shared.auth.api_keys import may_read
from shared.erased import Erased, inactive_when_erased
from shared.mongo import Document
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
        self._scenes = Scenes(repository)
        self._keys_of = repository.directory.keys
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

    def ended_keys(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` that may not read any more."""
        known = self._keys_of(keys)
        return {key for key in keys if not may_read(known.get(key))}

    def page(self, reader: Reader, after: int, head: int, unread: int) -> tuple[list[Told], int]:
        """What comes after `after`, `PAGE` numbers at most and none above `head`; and the number
        that it reaches to. `unread` is how many are, which each item carries."""
        assert reader.person is not None
        reached = min(head, after + PAGE)
        items = self._inbox.between(reader.person, after + 1, reached + 1)
        part = Part(reader, items[::-1], unread, counts=False)
        self._write([part], self._scenes.read(items))
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
        """Write the events of items that have just come; what may not be read is left out."""
        self._write(parts, self._scenes.recent(item for part in parts for item in part.items))

    def forget(self, event_id: str) -> None:
        """What was told of an event is hidden, or shown again."""
        self._scenes.forget(event_id)

    def forget_names(self) -> None:
        """The directory changed, or may have."""
        self._scenes.forget_names()

    def _write(self, parts: Sequence[Part], scenes: Mapping[Key, Scene]) -> None:
        for part in parts:
            for item in part.items:
                part.unread += part.counts and not (item["read"] or item["hidden"])
                scene = scenes.get(key_of(item))
                if item["hidden"] or scene is None or not scene.may_be_read(part.reader):
                    continue
                view = item_view(item, scene.recognition(part.reader), self._public_url)
                data = {**view, "people": scene.people, "unread": part.unread}
                part.told.append((item["sequence"], event(ITEM, data, item["sequence"])))
