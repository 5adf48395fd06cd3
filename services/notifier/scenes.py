"""What an event's items show, written once for all who see the same."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from services.notifier.domain.payload import references_in
from services.notifier.domain.readability import Reader, may_read
from services.notifier.inboxes import who_of
from services.notifier.repository import Repository
from shared.mongo import Document
from shared.recognition_view import public_view

_KEPT_SECONDS = 2.0
_MOST_KEPT = 64
_MOST_NAMES = 5_000

Names = Callable[[Iterable[str]], Mapping[str, Document]]


def scene_key(item: Document) -> str:
    """What scenes are kept by: the event; of what was folded, in which each person misses their
    own acts, also the item."""
    return f"{item['event_id']} {item['_id']}" if "acts" in item else str(item["event_id"])


class Scene:
    """A recognition as it stands, and the names of everybody in it and of who acted: in JSON."""

    def __init__(self, row: Document, people: Mapping[str, Document]) -> None:
        self._row = row
        self._has_reacted = {
            person for those in row["state"]["reactions"].values() for person in those
        }
        self._views: dict[str | None, orjson.Fragment] = {}
        self.people = orjson.Fragment(orjson.dumps(people))

    def may_be_read(self, reader: Reader) -> bool:
        """Whether `reader` may be told of it."""
        return may_read(reader, self._row["state"], self._row["attribution"])

    def recognition(self, reader: Reader) -> Any:
        """As `reader` sees it: only who reacted sees it in a way of their own."""
        viewer = reader.person if reader.person in self._has_reacted else None
        if viewer not in self._views:
            view = public_view(self._row["state"], viewer)
            self._views[viewer] = orjson.Fragment(orjson.dumps(view))
        return self._views[viewer]


class Scenes:
    """Scenes by scene_key; those whose recognition is not known are left out."""

    def __init__(self, repository: Repository, clock: Callable[[], float] = time.monotonic) -> None:
        self._recognitions, self._directory = repository.recognitions, repository.directory
        self._recent: OrderedDict[str, tuple[float, Scene]] = OrderedDict()
        self._clock = clock
        self._names: dict[str, Document] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def read(self, items: Iterable[Document]) -> dict[str, Scene]:
        """The scenes of items as they stand now."""
        return self._read(items, self._directory.people)

    def _read(self, items: Iterable[Document], names_of: Names) -> dict[str, Scene]:
        events = {scene_key(item): (item["recognition"], who_of(item)) for item in items}
        rows = self._recognitions.get_many({recognition for recognition, _ in events.values()})
        within = {key: references_in(row["state"]) for key, row in rows.items()}
        acting = {one for _, who in events.values() for one in who}
        names = names_of({*acting, *(one for those in within.values() for one in those)})
        return {
            key: Scene(rows[recognition], {one: names[one] for one in (*within[recognition], *who)})
            for key, (recognition, who) in events.items()
            if recognition in rows
        }

    def recent(self, items: Iterable[Document]) -> dict[str, Scene]:
        """The scenes of items that have just come: of an event as they stood up to 2 s ago, when
        the first of it came. An event for thousands is thus read once, not with each batch; and
        names once, until `forget_names`."""
        now = self._clock()
        found: dict[str, Scene] = {}
        lacking = {}
        for item in items:
            kept = self._recent.get(scene_key(item))
            if kept is not None and kept[0] > now:
                found[scene_key(item)] = kept[1]
            else:
                lacking[scene_key(item)] = item
        if lacking:
            for key, scene in self._read(lacking.values(), self._known_names).items():
                found[key] = scene
                self._recent[key] = (now + _KEPT_SECONDS, scene)
        while len(self._recent) > _MOST_KEPT:
            self._recent.popitem(last=False)
        return found

    def forget(self, item: Document) -> None:
        """It was hidden: read anew what it tells."""
        self._recent.pop(scene_key(item), None)

    def forget_names(self) -> None:
        """The directory changed."""
        with self._lock:
            self._changes += 1
            self._names.clear()

    def _known_names(self, references: Iterable[str]) -> dict[str, Document]:
        changes, wanted = self._changes, list(references)
        known = {one: found for one in wanted if (found := self._names.get(one)) is not None}
        lacking = [one for one in wanted if one not in known]
        if lacking:
            read = self._directory.people(lacking)
            known |= read
            with self._lock:
                if len(self._names) + len(read) > _MOST_NAMES:
                    self._names.clear()
                if changes == self._changes:  # else what was read may be of before a change
                    self._names.update(read)
        return known
