"""What a claimed delivery says, by what stands in the database at the moment of sending."""

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
class Claim:
    """A delivery that this process alone may send."""

    delivery: Document
    token: str


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed delivery with what it takes to send it."""

    claim: Claim
    composed_at: float
    """By time.monotonic."""
    url: str
    secrets: tuple[str, ...]
    body: bytes

    @property
    def lane(self) -> str:
        """The endpoint: each has a lane of its own."""
        return str(self.claim.delivery["endpoint"])


Cancelled = tuple[Claim, str]
"""A delivery that is not to be sent any more, and why."""


class Composer:
    """Reads what deliveries are about; may be used from several threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def compose(self, claims: Sequence[Claim]) -> tuple[list[Job], list[Cancelled]]:
        """What is to be sent of `claims`, and what is not any more: its recognition is not shown
        now, its endpoint is gone, or the owner lost the right to read it."""
        composed_at = time.monotonic()
        rows = self._repository.recognitions.get_many(c.delivery["recognition"] for c in claims)
        endpoints = self._repository.endpoints.get_many(c.delivery["endpoint"] for c in claims)
        readers = readers_of(endpoints.values(), self._repository.directory)
        names = references_in(*(row["state"] for row in rows.values()))
        people = self._repository.directory.people(names)
        jobs: list[Job] = []
        cancelled: list[Cancelled] = []
        for claim in claims:
            row = rows.get(claim.delivery["recognition"])
            endpoint = endpoints.get(claim.delivery["endpoint"])
            reader = readers.get(claim.delivery["endpoint"])
            if endpoint is None or not endpoint["enabled"]:
                cancelled.append((claim, "the endpoint is gone or disabled"))
            elif row is None or not is_shown(row["state"]):
                cancelled.append((claim, "the recognition is not shown any more"))
            elif reader is None or not may_read(reader, row["state"], row["attribution"]):
                cancelled.append((claim, "the owner may not read it"))
            else:
                body = _body(claim.delivery, row, reader, people)
                secrets = tuple(secret["value"] for secret in endpoint["secrets"])
                jobs.append(Job(claim, composed_at, endpoint["url"], secrets, body))
        return jobs, cancelled


def _body(delivery: Document, row: Document, reader: Reader, people: Document) -> bytes:
    view = public_view(row["state"], reader.person)
    named = {reference: people[reference] for reference in references_in(view)}
    return compose(delivery["type"], delivery["occurred_at"], view, named, delivery["change"])
