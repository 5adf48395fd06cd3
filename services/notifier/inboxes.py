"""Inboxes: what a person was told, as it stands now. One function here is what one request does."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from services.notifier.domain.payload import references_in
from services.notifier.domain.readability import Reader, may_read
from services.notifier.repository import Repository
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.times import to_rfc3339
from shared.web.problems import NotFound

_WIDENING = 4
_MOST_NAMED = 10
"""People that an item names of those whose comments and reactions are folded into it."""
_instant = lru_cache(256)(to_rfc3339)  # many are told of one thing at one instant


class Inboxes:
    """What people do with their inboxes."""

    def __init__(self, repository: Repository, public_url: str | None = None) -> None:
        self._repository = repository
        self._public_url = public_url
        self._inbox = repository.inbox

    def page(
        self, person: str, before: int | None, limit: int
    ) -> tuple[list[Document], int | None, Document]:
        """Up to `limit` items, newest first, numbered below `before`; the number that the next
        page is to be below, or None; and `people`.

        What the person may not read any more is left out. Numbers are dense, so a window of them
        bounds the query; it widens where items were forgotten.
        """
        reader = self._reader(person)
        high = self._inbox.last_sequence(person) + 1 if before is None else before
        width, items = limit + 1, list[Document]()
        while high > 1 and len(items) <= limit:
            low = max(1, high - width)
            items += self._readable(self._inbox.between(person, low, high), reader)
            high, width = low, width * _WIDENING
        shown = items[:limit]
        following = shown[-1]["sequence"] if len(items) > limit else None
        return shown, following, self._people(shown)

    def unread(self, person: str) -> int:
        """How many items are unread."""
        return self._inbox.unread(person)

    def mark(self, person: str, item_id: str, read: bool) -> Document:
        """Mark an item; it with `people`. Raises NotFound."""
        found = self._inbox.mark(person, item_id, read) and self._inbox.get(person, item_id)
        views = self._readable([found], self._reader(person)) if found else []
        if not views:
            raise NotFound(f"There is no item {item_id} in your inbox")
        return {**views[0], "people": self._people(views)}

    def mark_all(self, person: str) -> Document:
        """Mark every item as read."""
        marked = self._inbox.mark_all(person)
        return {"marked": marked, "unread": self._inbox.unread(person)}

    def _people(self, views: Sequence[Document]) -> Document:
        return self._repository.directory.people(_named_in(views))

    def _reader(self, person: str) -> Reader:
        entry = self._repository.directory.find(person) or {}
        return Reader(person, entry.get("team"), entry.get("partner"))

    def _readable(self, items: Sequence[Document], reader: Reader) -> list[Document]:
        rows = self._repository.recognitions.get_many(item["recognition"] for item in items)
        return [
            item_view(item, public_view(row["state"], reader.person), self._public_url)
            for item in items
            if (row := rows.get(item["recognition"]))
            and may_read(reader, row["state"], row["attribution"])
        ]


def _named_in(views: Sequence[Document]) -> list[str]:
    """Every reference that views of items name."""
    who = [reference for view in views for reference in view["who"]]
    return [*references_in(*(view["recognition"] for view in views)), *who]


def who_of(item: Document) -> list[str]:
    """Who did what an item tells: of comments and reactions the latest first, ten at most."""
    acts = item.get("acts", [item])
    return list(dict.fromkeys(act["by"] for act in reversed(acts) if act["by"]))[:_MOST_NAMED]


def _flurry(item: Document) -> Document:
    return {"count": len(item.get("acts", [item])), "who": who_of(item)}


def item_view(item: Document, recognition: Any, public_url: str | None) -> Document:
    """An item as it is shown, with the recognition as its reader sees it.

    `link` is absolute where the suite's own address is known (KUDOS_PUBLIC_URL).
    """
    base = (public_url or "").rstrip("/")
    return {
        "id": item["_id"],
        "sequence": item["sequence"],
        "type": item["type"],
        "at": _instant(item["at"]),
        "read": item["read"],
        "by": item["by"],
        "link": f"{base}/recognition/v1/recognitions/{item['recognition']}",
        **_flurry(item),
        "recognition": recognition,
    }
