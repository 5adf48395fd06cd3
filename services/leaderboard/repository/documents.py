"""How lists, counters and gifts are stored."""

from dataclasses import asdict, fields
from sys import intern

from services.leaderboard.domain.boards import by_of
from services.leaderboard.domain.folding import Counter, CounterKey, List
from services.leaderboard.domain.gifts import Block, BlockKey, Gifts, Pairs
from services.leaderboard.domain.segments import is_root
from services.leaderboard.repository.cells import pack_cells, unpack_cells
from shared.mongo import Document

_PAIRS = tuple(field.name for field in fields(Pairs))

NO_BLOCKS = 0
"""Of a list that was made before format 4: what each gave stood in a document of its own. Such a
one is served until it is rebuilt, and never folded into."""


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
    pairs = Pairs(*(stored.get(field, NO_BLOCKS) for field in _PAIRS))
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


def block_id(key: BlockKey) -> str:
    """The id of a block's document."""
    name, number = key
    return f"{name}|{number}"


def block_document(key: BlockKey, block: Block) -> Document:
    """The document of `gifts` that holds a block."""
    return {"_id": block_id(key), "cells": pack_cells(block)}


def block_of_document(stored: Document) -> tuple[BlockKey, Block]:
    """The block in a document of `gifts`, and its key."""
    name, _, number = stored["_id"].rpartition("|")
    given = unpack_cells(stored["cells"])
    return (name, int(number)), {intern(who): _interned(gifts) for who, gifts in given.items()}


def earlier_gifts(stored: Document) -> Gifts:
    """What is in a document of `gifts` of a list that has NO_BLOCKS; its id is that of the giver's
    counter."""
    return {name.replace("/", "."): number for name, number in stored["to"].items()}


def _interned(numbers: dict[str, int]) -> dict[str, int]:
    return {intern(name): number for name, number in numbers.items()}
