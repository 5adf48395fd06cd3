"""Recognitions as the API shows them: to one reader, with the names of everybody in them.

Instants stay as they are stored: they become text with the answer (shared/web/json.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from services.recognition.repository import DirectoryRepository, RecognitionRepository
from shared.recognition_view import public_view

Document = dict[str, Any]


class Views:
    """Makes views, with what they name looked up."""

    def __init__(self, recognitions: RecognitionRepository, directory: DirectoryRepository) -> None:
        self._recognitions = recognitions
        self._directory = directory

    def one(self, record: Document, reader: str | None, badges: Iterable[str]) -> Document:
        """A recognition as its reader sees it, with `people`."""
        [view], people = self.several([record], reader, badges)
        return {**view, "people": people}

    def fresh(
        self, record: Document, reader: str | None, directory: Mapping[str, Document]
    ) -> Document:
        """One that was just given, whom it names being in `directory`: nothing is looked up."""
        view = {**public_view({**record, "id": record["_id"]}, reader), "echoed_by": []}
        return {**view, "people": summaries(_named(view), directory)}

    def several(
        self, records: Iterable[Document], reader: str | None, badges: Iterable[str]
    ) -> tuple[list[Document], Document]:
        """Recognitions as their reader sees them, and `people` for all of them."""
        records = list(records)
        echoed = self._echoed_by(records, frozenset(badges))
        views = [
            {
                **public_view({**record, "id": record["_id"]}, reader),
                "echoed_by": echoed.get(record["_id"], []),
            }
            for record in records
        ]
        return views, self.people(ref for view in views for ref in _named(view))

    def people(self, references: Iterable[str]) -> Document:
        """`people`: name, team and photo of each reference."""
        wanted = set(references)
        return summaries(wanted, self._directory.recent(wanted))

    def _echoed_by(self, records: list[Document], badges: frozenset[str]) -> dict[str, list[str]]:
        """Who echoed each, of whose echoes the reader may read."""
        firsts = [record["_id"] for record in records if record.get("echo_count")]
        echoed: dict[str, list[str]] = {}
        for echo in self._recognitions.echoes_of(firsts) if firsts else ():
            if echo["status"] == "given" and not badges.isdisjoint(echo["audience"]):
                echoed.setdefault(echo["echoes"], []).append(echo["giver"])
        return echoed


def summaries(references: Iterable[str], directory: Mapping[str, Document]) -> Document:
    """`people` from the entries of a directory that has been read."""
    people = {}
    for reference in references:
        entry = directory.get(reference, {"name": reference.partition(":")[2]})
        people[reference] = {
            "name": entry["name"],
            "team": entry.get("team"),
            "photo_url": entry.get("photo_url"),
        }
    return people


def _named(view: Mapping[str, Any]) -> Iterable[str]:
    yield view["giver"]
    yield from view["recipients"]
    yield from view["echoed_by"]
    for act in ("promise", "declined"):
        if view[act]:
            yield view[act]["by"]
