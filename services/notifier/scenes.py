"""What an event's items show, written once for all who see the same."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from services.notifier.domain.payload import references_in
from services.notifier.domain.readability import Reader, may_read
from services.notifier.repository import Repository
from shared.mongo import Document
from shared.recognition_view import public_view

_KEPT_SECONDS = 2.0
_MOST_KEPT = 64
_MOST_NAMES = 5_000

Key = tuple[str, tuple[str, ...]]
Names = Callable[[Iterable[str]], Mapping[str, Document]]


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


def key_of(item: Document) -> Key:
    """What items that show the same have in common: the event, and everybody who acted."""
    acts = (item, *item.get("acts", ()))
    return item["event_id"], tuple(dict.fromkeys(act["by"] for act in acts if act["by"]))


class Scenes:
    """Scenes by `key_of` an item; those whose recognition is not known are left out."""

    def __init__(self, repository: Repository, clock: Callable[[], float] = time.monotonic) -> None:
        self._recognitions, self._directory = repository.recognitions, repository.directory
        self._recent: OrderedDict[Key, tuple[float, Scene]] = OrderedDict()
        self._clock = clock
        self._names: dict[str, Document] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def read(self, items: Iterable[Document]) -> dict[Key, Scene]:
        """The scenes of items as they stand now."""
        return self._read(items, self._directory.people)

    def _read(self, items: Iterable[Document], names_of: Names) -> dict[Key, Scene]:
        wanted = {key_of(item): item["recognition"] for item in items}
        rows = self._recognitions.get_many(set(wanted.values()))
        within = {key: references_in(row["state"]) for key, row in rows.items()}
        named = {one for those in within.values() for one in those}
        names = names_of(named.union(*(acting for _, acting in wanted)))
        return {
            key: Scene(
                rows[recognition], {one: names[one] for one in (*within[recognition], *key[1])}
            )
            for key, recognition in wanted.items()
            if recognition in rows
        }

    def recent(self, items: Iterable[Document]) -> dict[Key, Scene]:
        """The scenes of items that have just come: of an event as they stood up to 2 s ago, when
        the first of it came. An event for thousands is thus read once, not with each batch; and
        names once, until `forget_names`."""
        now = self._clock()
        found: dict[Key, Scene] = {}
        lacking = {}
        for item in items:
            key = key_of(item)
            kept = self._recent.get(key)
            if kept is not None and kept[0] > now:
                found[key] = kept[1]
            else:
                lacking[key] = item
        if lacking:
            for key, scene in self._read(lacking.values(), self._known_names).items():
                found[key] = scene
                self._recent[key] = (now + _KEPT_SECONDS, scene)
        while len(self._recent) > _MOST_KEPT:
            self._recent.popitem(last=False)
        return found

    def forget(self, event_id: str) -> None:
        """What it tells was hidden, or more was folded into it: read it anew."""
        for key in [each for each in list(self._recent) if each[0] == event_id]:
            self._recent.pop(key, None)

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
