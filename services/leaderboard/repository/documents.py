"""How lists, counters and gifts are stored."""

from dataclasses import asdict
from sys import intern

from services.leaderboard.domain.boards import by_of
from services.leaderboard.domain.folding import (
    Counter,
    CounterKey,
    Gifts,
    GiftsKey,
    List,
    Pairs,
)
from services.leaderboard.domain.segments import is_root
from services.leaderboard.repository.cells import pack_cells, unpack_cells
from shared.mongo import Document

_DOT = "/"
"""Stands in names of fields for the dots of ids: MongoDB would take those for paths."""


def list_document(name: str, changed: List) -> Document:
    """The document of `lists` that holds a list."""
    document: Document = {"_id": name, "revision": changed.revision}
    if changed.cells is not None:
        return {**document, "cells": pack_cells(changed.cells)}
    scores = {str(score): count for score, count in changed.scores.items()}
    outgrown = "periods" if is_root(name) else by_of(name)
    document |= {"outgrown": outgrown, "scores": scores, "hidden": changed.hidden}
    return document | asdict(changed.pairs)


def list_of(stored: Document) -> List:
    """The list in a document of `lists`."""
    if "cells" in stored:
        # Interned: the same few people stand on thousands of lists.
        unpacked = unpack_cells(stored["cells"])
        cells = {intern(cell): _interned(held) for cell, held in unpacked.items()}
        size = sum(map(len, cells.values()))
        return List(cells, size, revision=stored["revision"])
    scores = {int(score): count for score, count in stored["scores"].items()}
    pairs = Pairs(stored["directed"], stored["mutual"], stored["most"])
    return List(None, 0, scores, stored["hidden"], pairs, stored["revision"])


def counter_id(key: CounterKey) -> str:
    """The id of a counter's document."""
    return "|".join(key)


def counter_document(key: CounterKey, counter: Counter) -> Document:
    """The document of `counters` that holds a counter."""
    name, subject = key
    return {
        "_id": counter_id(key),
        "list": name,
        "subject": subject,
        "score": counter.score,
        "ranked": counter.rank == "ranked",
        "hidden": counter.rank == "hidden",
    }


def counter_of(stored: Document) -> tuple[CounterKey, Counter]:
    """The counter in a document of `counters`, and its key."""
    rank = "ranked" if stored["ranked"] else "hidden" if stored["hidden"] else "away"
    return (stored["list"], stored["subject"]), Counter(stored["score"], rank)  # type: ignore[arg-type]


def gifts_document(key: GiftsKey, gifts: Gifts) -> Document:
    """The document of `gifts` that holds what somebody gave on a list."""
    return {"_id": counter_id(key), "to": _fields(gifts)}


def gifts_of(stored: Document) -> tuple[GiftsKey, Gifts]:
    """What is in a document of `gifts`, and its key."""
    name, _, giver = stored["_id"].rpartition("|")
    return (name, giver), _names(stored["to"])


def _field(name: str) -> str:
    return name.replace(".", _DOT)


def _name(field: str) -> str:
    return field.replace(_DOT, ".")


def _fields(numbers: dict[str, int]) -> dict[str, int]:
    return {_field(name): number for name, number in numbers.items()}


def _names(stored: dict[str, int]) -> dict[str, int]:
    return {intern(_name(field)): number for field, number in stored.items()}


def _interned(numbers: dict[str, int]) -> dict[str, int]:
    return {intern(name): number for name, number in numbers.items()}
