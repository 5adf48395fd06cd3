"""How lists and counters are stored."""

from sys import intern

from services.leaderboard.domain.boards import by_of
from services.leaderboard.domain.folding import Counter, CounterKey, List
from shared.mongo import Document

_DOT = "/"
"""Stands in names of fields for the dots of ids: MongoDB would take those for paths."""


def list_document(name: str, changed: List) -> Document:
    """The document of `lists` that holds a list."""
    document: Document = {"_id": name, "revision": changed.revision}
    if changed.entries is not None:
        entries = {subject.replace(".", _DOT): score for subject, score in changed.entries.items()}
        return {**document, "entries": entries}
    scores = {str(score): count for score, count in changed.scores.items()}
    return {**document, "outgrown": by_of(name), "scores": scores}


def list_of(stored: Document) -> List:
    """The list in a document of `lists`."""
    if "entries" in stored:
        found = stored["entries"].items()
        # Interned: the same few people stand on thousands of lists.
        entries = {intern(name.replace(_DOT, ".")): score for name, score in found}
        return List(entries, {}, stored["revision"])
    scores = {int(score): count for score, count in stored["scores"].items()}
    return List(None, scores, stored["revision"])


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
        "ranked": counter.is_ranked,
    }
