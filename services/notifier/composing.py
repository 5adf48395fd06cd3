"""What a delivery says, by what stands in the database at the moment of sending."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.notifier.domain.payload import compose, references_in
from services.notifier.domain.readability import Reader, is_shown, may_read
from services.notifier.repository import Repository
from services.notifier.rights import readers_of
from shared.mongo import Document
from shared.recognition_view import public_view


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery with what it takes to send it."""

    delivery: Document
    composed_at: float
    """By time.monotonic."""
    url: str
    secrets: tuple[str, ...]
    body: bytes

    @property
    def lane(self) -> str:
        """The endpoint: each has a lane of its own."""
        return str(self.delivery["endpoint"])


Cancelled = tuple[Document, str]
"""A delivery that is not to be sent any more, and why."""


class Composer:
    """Reads what deliveries are about; may be used from several threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def compose(self, deliveries: Sequence[Document]) -> tuple[list[Job], list[Cancelled]]:
        """What is to be sent of deliveries, and what is not any more: its recognition is
        not shown now, its endpoint is gone, or the owner lost the right to read it."""
        composed_at = time.monotonic()
        rows = self._repository.recognitions.get_many(each["recognition"] for each in deliveries)
        endpoints = self._repository.endpoints.get_many(each["endpoint"] for each in deliveries)
        readers = readers_of(endpoints.values(), self._repository.directory)
        names = references_in(*(row["state"] for row in rows.values()))
        people = self._repository.directory.people(names)
        jobs: list[Job] = []
        cancelled: list[Cancelled] = []
        for delivery in deliveries:
            row = rows.get(delivery["recognition"])
            endpoint = endpoints.get(delivery["endpoint"])
            reader = readers.get(delivery["endpoint"])
            if endpoint is None or not endpoint["enabled"]:
                cancelled.append((delivery, "the endpoint is gone or disabled"))
            elif row is None or not is_shown(row["state"]):
                cancelled.append((delivery, "the recognition is not shown any more"))
            elif reader is None or not may_read(reader, row["state"], row["attribution"]):
                cancelled.append((delivery, "the owner may not read it"))
            else:
                body = _body(delivery, row, reader, people)
                secrets = tuple(secret["value"] for secret in endpoint["secrets"])
                jobs.append(Job(delivery, composed_at, endpoint["url"], secrets, body))
        return jobs, cancelled


def _body(delivery: Document, row: Document, reader: Reader, people: Document) -> bytes:
    view = public_view(row["state"], reader.person)
    named = {reference: people[reference] for reference in references_in(view)}
    return compose(delivery["type"], delivery["occurred_at"], view, named, delivery["change"])
