"""What a delivery says, by what stands in the database at the moment of sending."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from services.notifier.domain.event_types import WEBHOOK_TEST
from services.notifier.domain.payload import content, plain, references_in
from services.notifier.domain.readability import Reader, is_shown, may_read
from services.notifier.repository import Repository
from services.notifier.rights import readers_of
from services.notifier.sealing import Seals, Unsealable
from shared import times
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery with what it takes to send it."""

    delivery: Document
    composed_at: float
    """By time.monotonic."""
    endpoint: Document
    """As it stood when the job was composed."""
    secrets: tuple[str, ...]
    headers: Mapping[str, str]
    """The endpoint's own."""
    body: bytes

    @property
    def lane(self) -> str:
        """The endpoint: each has a lane of its own."""
        return str(self.delivery["endpoint"])

    @property
    def url(self) -> str:
        """Where it goes."""
        return str(self.endpoint["url"])


@dataclass(frozen=True, slots=True)
class Composed:
    """What is to be sent, what is not any more (and why), and what cannot be signed just now,
    because a key is missing that only the operator can put back."""

    jobs: list[Job] = field(default_factory=list)
    cancelled: list[tuple[Document, str]] = field(default_factory=list)
    unsigned: list[Document] = field(default_factory=list)


class Composer:
    """Reads what deliveries are about; may be used from several threads."""

    def __init__(
        self,
        repository: Repository,
        seals: Seals,
        admins: Collection[str] = (),
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._repository = repository
        self._seals = seals
        self._admins = admins
        self._now = now

    def endpoints(self, deliveries: Sequence[Document]) -> dict[str, Document]:
        """The endpoints of deliveries, by id."""
        return self._repository.endpoints.get_many(each["endpoint"] for each in deliveries)

    def compose(
        self, deliveries: Sequence[Document], endpoints: Mapping[str, Document] | None = None
    ) -> Composed:
        """What becomes of deliveries. One is cancelled when its recognition is not shown now, its
        endpoint is gone, or the owner lost the right to read it."""
        composed_at, done = time.monotonic(), Composed()
        endpoints = self.endpoints(deliveries) if endpoints is None else endpoints
        recognitions = [each["recognition"] for each in deliveries if each["recognition"]]
        rows = self._repository.recognitions.get_many(recognitions)
        directory = self._repository.directory
        readers = readers_of(endpoints.values(), directory, admins=self._admins)
        people = directory.people(references_in(*(row["state"] for row in rows.values())))
        for delivery in deliveries:
            endpoint = endpoints.get(delivery["endpoint"])
            row = rows.get(delivery["recognition"])
            reader = readers.get(delivery["endpoint"])
            reason = _refusal(delivery, endpoint, row, reader)
            if reason is not None or endpoint is None or reader is None:
                done.cancelled.append((delivery, reason or ""))
                continue
            try:
                secrets = self._seals.valid_secrets(endpoint, self._now())
                headers = self._seals.opened_headers(endpoint)
            except Unsealable as error:
                log.error("webhooks cannot be signed", endpoint=endpoint["_id"], error=str(error))
                done.unsigned.append(delivery)
                continue
            body = orjson.dumps(content_of(delivery, row, reader, people))
            done.jobs.append(Job(delivery, composed_at, endpoint, secrets, headers, body))
        return done


def _refusal(
    delivery: Document, endpoint: Document | None, row: Document | None, reader: Reader | None
) -> str | None:
    """Why a delivery is not to be sent any more; None when it is."""
    is_test = delivery["type"] == WEBHOOK_TEST
    if endpoint is None or not (endpoint["enabled"] or is_test):
        return "the endpoint is gone or disabled"
    if delivery["recognition"] is None:
        return None if reader is not None else "the owner may not read anything"
    if row is None or not is_shown(row["state"]):
        return "the recognition is not shown any more"
    if reader is None or not may_read(reader, row["state"], row["attribution"]):
        return "the owner may not read it"
    return None


def content_of(event: Document, row: Any, reader: Reader, people: Document) -> Document:
    """What a delivery, or an event of the feed, says to a reader who may read it."""
    if event["recognition"] is None:
        return plain(event["type"], event["occurred_at"], event["data"])
    view = public_view(row["state"], reader.person)
    named = {reference: people[reference] for reference in references_in(view)}
    return content(event["type"], event["occurred_at"], view, named, event["change"])
