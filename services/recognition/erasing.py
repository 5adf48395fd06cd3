"""Erasing somebody, stage by stage: rewrite, wait until that is published, ask the other services,
wait until each has acknowledged. Whatever dies in between, the next step goes on from the stage
that was reached, and what was rewritten already names nobody any more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.recognition.acting import IN_FLIGHT, Acting
from services.recognition.directory import with_events
from services.recognition.domain import erasure as rules
from services.recognition.domain.directory import change
from services.recognition.domain.keys import revoke
from services.recognition.events import put_key_event
from services.recognition.repository import (
    AccessReportRepository,
    AuditRepository,
    CommentRepository,
    DirectoryRepository,
    ErasureRepository,
    KeyRepository,
    Outbox,
    PersonalStores,
    RecognitionRepository,
)
from shared import times
from shared.erased import Erased
from shared.eventlog import EventLog
from shared.eventlog.dead_letters import forget
from shared.eventlog.port import Record
from shared.events import ACCESS, DIRECTORY, RECOGNITION
from shared.mentions import forget_answers, is_in_json, mentions
from shared.mongo import Client, in_transaction
from shared.privacy import privacy_event

Document = dict[str, Any]

ASKED_AGAIN_AFTER = timedelta(hours=1)
OTHERS = ("leaderboard", "notifier")
TOPICS = (RECOGNITION, DIRECTORY, ACCESS)


class Stopped(Exception):
    """Somebody else goes on: the lease is gone, or the worker is to stop."""


class Erasing:
    """Advances erasures. `go_on()` is asked before each write: it renews the lease, and raises
    Stopped when another is to go on."""

    def __init__(
        self,
        client: Client,
        database: Database[Document],
        log: EventLog,
        go_on: Callable[[], None],
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._log = log
        self._go_on = go_on
        self._now = now
        self._erasures = ErasureRepository(database)
        self._reports = AccessReportRepository(database)
        self._recognitions = RecognitionRepository(database)
        self._comments = CommentRepository(database)
        self._directory = DirectoryRepository(database)
        self._keys = KeyRepository(database)
        self._stores = PersonalStores(database)
        self._outbox = Outbox(database)
        self._answers = database["idempotency"]
        self._erased = Erased(database)
        audit = AuditRepository(database)
        self._acting = Acting(self._recognitions, self._directory, audit, now)

    def step(self) -> int:
        """Advance every open erasure as far as it goes now; how many came to another stage."""
        return sum(self._advance(erasure) for erasure in self._erasures.open())

    def _advance(self, erasure: Document) -> int:
        advance = {
            "requested": self._rewrite_all,
            "publishing": self._ask_when_published,
            "elsewhere": self._finish_when_acknowledged,
        }[erasure["stage"]]
        return 1 if advance(erasure) else 0

    def _rewrite_all(self, erasure: Document) -> bool:
        if self._now() < erasure["requested_at"] + IN_FLIGHT:
            return False
        person, alias = erasure["person"], erasure["alias"]
        self._rewrite_recognitions(erasure)
        self._leave_reports_without_manager(person)
        self._clear_keys(person, alias)
        self._clear_stores(person, alias)
        forget_answers(self._answers, person)
        in_transaction(self._client, lambda session: self._reports.remove(person, session))
        self._erasures.move(erasure["_id"], "publishing", rewritten_at=self._now())
        return True

    def _rewrite_recognitions(self, erasure: Document) -> None:
        person = erasure["person"]
        commented: set[str] = set()
        for comment in self._comments.every():
            if comment["by"] == person:
                commented.add(comment["recognition"])
        for record in self._recognitions.every():
            self._go_on()
            if record["_id"] in commented or rules.concerns(record, person):
                self._rewrite(erasure, record["_id"])

    def _rewrite(self, erasure: Document, recognition_id: str) -> None:
        person, alias = erasure["person"], erasure["alias"]

        def write(session: ClientSession) -> None:
            record, now = self._recognitions.get(recognition_id, session), self._now()
            comments = self._comments.of([recognition_id], session).get(recognition_id, [])
            theirs = [comment for comment in comments if comment["by"] == person]
            if record is None or not (theirs or rules.concerns(record, person)):
                return
            left = rules.farewell(record, person, now)
            if left is not None:
                record = self._acting.write(record, left, None, now, session)
            self._acting.write(record, rules.erase(record, person, alias), None, now, session)
            for comment in theirs:
                self._comments.replace(rules.erase_comment(comment, alias), session)
            self._erasures.count(erasure["_id"], 1, session)

        in_transaction(self._client, write)

    def _leave_reports_without_manager(self, person: str) -> None:
        managed = [each["_id"] for each in self._directory.every() if each.get("manager") == person]
        for reference in managed:
            self._go_on()

            def write(session: ClientSession, wanted: str = reference) -> None:
                self._directory.take_turn(session)
                entry = self._directory.get(wanted, session)
                if entry is None or entry["manager"] != person:
                    return
                changed = change(entry, manager=None)
                assert changed is not None
                with_events([changed], by=None, at=self._now())
                self._directory.write([changed], session)

            in_transaction(self._client, write)

    def _clear_keys(self, person: str, alias: str) -> None:
        for held in list(self._keys.every()):
            if held["person"] != person:
                continue

            def write(session: ClientSession, key_id: str = held["_id"]) -> None:
                key, now = self._keys.get(key_id, session), self._now()
                if key is None or key["person"] != person:
                    return
                revoked = revoke(key, now) if key["revoked_at"] is None else _next_version(key)
                after = {**revoked, "person": alias, "name": rules.BLANK}
                put_key_event(after, by=None, at=now)
                self._keys.replace(after, session)

            in_transaction(self._client, write)

    def _clear_stores(self, person: str, alias: str) -> None:
        for name in self._stores.NAMED:
            for document in self._stores.every(name):
                if not mentions(document, person):
                    continue
                self._go_on()

                in_transaction(
                    self._client, partial(self._clear, name, document["_id"], person, alias)
                )

    def _clear(
        self, name: str, identifier: str, person: str, alias: str, session: ClientSession
    ) -> None:
        held = self._stores.get(name, identifier, session)
        if identifier == person:  # their own ledger
            self._stores.delete(name, identifier, session)
        elif held is not None:
            self._stores.replace(name, rules.erase_by(held, person, alias), session)

    def _ask_when_published(self, erasure: Document) -> bool:
        if self._outbox.holds_any(erasure["rewritten_at"]):
            return False
        self._ask(erasure)
        now = self._now()
        done = {"services.recognition": now}
        self._erasures.move(erasure["_id"], "elsewhere", asked_at=now, **done)
        return True

    def _ask(self, erasure: Document) -> None:
        key = in_transaction(self._client, self._erased.key)
        state = {
            "id": erasure["_id"],
            "person": erasure["person"],
            "alias": erasure["alias"],
            "key": key,
            "after": self._log.ends(TOPICS),
        }
        self._log.append([privacy_event("kudos.erasure.requested", erasure["_id"], 1, state)])

    def _finish_when_acknowledged(self, erasure: Document) -> bool:
        now = self._now()
        if not all(erasure["services"][service] for service in OTHERS):
            if now < erasure["asked_at"] + ASKED_AGAIN_AFTER:
                return False
            self._ask(erasure)
            self._erasures.move(erasure["_id"], "elsewhere", asked_at=now)
            return True
        forget(self._log, lambda letter: _is_about(letter, erasure["person"]))
        self._erasures.finish(erasure["_id"], now)
        return True


def _is_about(letter: Record, person: str) -> bool:
    texts: Sequence[str] = (letter.key, *letter.headers.values())
    return person in texts or is_in_json(person, letter.value)


def _next_version(key: Document) -> Document:
    return {**key, "version": key["version"] + 1}
