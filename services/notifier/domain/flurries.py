"""Comments and reactions that come thick and fast: one item, one message (issue 7).

The first opens a window. What comes within it is folded into the same document, for each person;
afterwards a new one begins. A reaction that is taken back, or a comment that is deleted, leaves.

Pure: a Book is made of documents that were read, and says afterwards what is to be written.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]

WINDOW = timedelta(minutes=15)
MOST = 100
"""Acts that one document holds; a hundred and first begins another."""

_REACTED, _COMMENT = "kudos.recognition.reacted", "kudos.recognition.comment"


def mark_of(event_type: str, recognition: str, change: Mapping[str, Any]) -> str | None:
    """What a reaction or a comment is known by, whatever happens to it: it and its taking back,
    its amending and its deleting have the same. None for events that are neither."""
    if event_type == _REACTED and isinstance(change.get("emoji"), str):
        return f"{recognition} {change['emoji']}\n{change['by']}"
    comment = change.get("comment")
    if event_type.startswith(_COMMENT) and isinstance(comment, Mapping):
        return f"comment {comment.get('id')}"
    return None


def is_taken_back(event_type: str, change: Mapping[str, Any]) -> bool:
    """Whether it takes back what has its mark."""
    if event_type == _REACTED:
        return change.get("added") is False
    return event_type == "kudos.recognition.comment_deleted"


def is_amended(event_type: str) -> bool:
    """Whether it says otherwise what has its mark."""
    return event_type == "kudos.recognition.comment_amended"


class Book:
    """Documents that acts are folded into: {"_id", "folds", "folds_until", "acts", "marks", ...}.

    `folds` says whose flurry it is, and is there while the window is open; an act is {"mark",
    ...}; `marks` are those of `acts`, by which what is taken back is found.
    """

    def __init__(self, found: Iterable[Document], now: datetime) -> None:
        """`found`: those with the `folds` that are going to be told, and with the marks that are
        going to be taken back or amended. Of several with one `folds` the latest counts."""
        self._documents = {document["_id"]: document for document in found}
        self._now = now
        self._open = {
            document["folds"]: document["_id"]
            for document in sorted(self._documents.values(), key=_until)
            if document.get("folds")
        }
        self._told: dict[str, None] = {}
        self._changed: dict[str, None] = {}

    def tell(self, folds: str, act: Document, new: Callable[[], Document]) -> None:
        """Fold an act into the open document of `folds`, or into what `new` makes (a document
        with its `folds_until` and without acts)."""
        document = self._documents.get(self._open.get(folds, ""))
        if document is not None and not self._has_room(document):
            self._put(_closed(document))
            document = None
        if document is None:
            document = {**new(), "folds": folds, "acts": []}
        self._open[folds] = document["_id"]
        others = [each for each in document["acts"] if each["mark"] != act["mark"]]
        self._put(_with(document, [*others, act]))
        self._told.pop(document["_id"], None)
        self._told[document["_id"]] = None

    def take_back(self, mark: str) -> None:
        """The act with `mark` leaves. A document that is left with none is over."""
        for document in list(self._documents.values()):
            left = [act for act in document["acts"] if act["mark"] != mark]
            if len(left) == len(document["acts"]):
                continue
            if not left and self._open.get(document.get("folds", "")) == document["_id"]:
                del self._open[document["folds"]]
            self._put(_with(document if left else _closed(document), left))

    def amend(self, mark: str, change: Mapping[str, Any]) -> None:
        """The `change` of the act with `mark` is another."""
        for document in list(self._documents.values()):
            if mark in document["marks"]:
                acts = [
                    {**act, "change": dict(change)} if act["mark"] == mark else act
                    for act in document["acts"]
                ]
                self._put(_with(document, acts))

    def told(self) -> list[Document]:
        """What acts were folded into, the latest last."""
        return [self._documents[name] for name in self._told if self._documents[name]["acts"]]

    def amended(self) -> list[Document]:
        """What changed otherwise, and still has acts."""
        found = (self._documents[name] for name in self._changed if name not in self._told)
        return [document for document in found if document["acts"]]

    def emptied(self) -> list[Document]:
        """What is left without acts."""
        found = (self._documents[name] for name in self._changed)
        return [document for document in found if not document["acts"]]

    def _has_room(self, document: Document) -> bool:
        return self._now < document["folds_until"] and len(document["acts"]) < MOST

    def _put(self, document: Document) -> None:
        self._documents[document["_id"]] = document
        self._changed[document["_id"]] = None


def _with(document: Document, acts: list[Document]) -> Document:
    return {**document, "acts": acts, "marks": [act["mark"] for act in acts]}


def _closed(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "folds"}


def _until(document: Document) -> datetime:
    until: datetime = document["folds_until"]
    return until
