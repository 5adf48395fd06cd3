"""Idempotency-Key: a POST sent twice takes effect once and gets the same answer.

The record of an answer is inserted in the transaction that has the effect, so that neither is
ever there without the other, whatever dies in between. Two requests with one key that race both
try to insert that record: the database lets one of them commit.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import Binary
from flask import Response, request
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, OperationFailure

from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.web import json
from shared.web.problems import BadRequest, KeyInUse, KeyReused

KEPT_FOR = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"
"""A header on an answer that was given before."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WRITE_CONFLICT = 112


class _Raced(Exception):
    """Another request with the same key has written, or is writing, its record."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: `body` is JSON in UTF-8, `headers` such as ETag and Location. `kept` is what
    a later request with the same key gets in place of a body that holds a secret."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_replay: bool = False
    kept: bytes | None = None

    @classmethod
    def of(
        cls,
        value: Any,
        status: int = 201,
        headers: dict[str, str] | None = None,
        *,
        secret: str | None = None,
    ) -> "Answer":
        """The answer whose body is `value` as JSON; its member `secret` is kept nowhere."""
        kept = json.dumps({**value, secret: None}) if secret else None
        return cls(status, json.dumps(value), headers or {}, kept=kept)

    def response(self) -> Response:
        """The answer as Flask sends it."""
        headers = self.headers | {REPLAYED: "true"} if self.is_replay else self.headers
        return Response(self.body, self.status, headers, content_type=json.CONTENT_TYPE)


@dataclass(frozen=True, slots=True)
class Key:
    """One use of an idempotency key: which record it is, and which body it came with."""

    record_id: str
    caller: str
    body_hash: bytes


class Idempotency:
    """The answers that were given, in a collection that the TTL index empties after 24 h."""

    def __init__(
        self, collection: Collection[dict[str, Any]], now: Callable[[], datetime] = times.now
    ) -> None:
        self.collection = collection
        self.now = now

    def ensure_indexes(self) -> None:
        """The index by which the database forgets."""
        self.collection.create_index(
            "at", name="forgotten", expireAfterSeconds=int(KEPT_FOR.total_seconds())
        )

    def key(self, caller: Caller) -> Key | None:
        """The key of the present request; None when it carries none.

        Raises BadRequest when the header is not 1 to 255 visible ASCII characters.
        """
        given = request.headers.get("Idempotency-Key")
        if given is None:
            return None
        if not _KEY.fullmatch(given):
            raise BadRequest("Idempotency-Key wants 1 to 255 visible ASCII characters")
        return make_key(caller.id, f"{request.method} {request.path}", given, request.get_data())

    def lookup(self, key: Key) -> Answer | None:
        """The answer given before, or None. Raises KeyReused when it was for another body."""
        record = self.collection.find_one({"_id": key.record_id})
        if record is None:
            return None
        if record["at"] <= (limit := self.now() - KEPT_FOR):
            self.collection.delete_one({"_id": key.record_id, "at": {"$lte": limit}})
            return None
        if record["body_hash"] != key.body_hash:
            raise KeyReused(
                "This Idempotency-Key was used for another body; take a new key for a new request"
            )
        return Answer(record["status"], record["body"], record["headers"], is_replay=True)

    def record(self, session: ClientSession, key: Key, answer: Answer) -> None:
        """Keep a 2xx answer, within the transaction of its effect.

        Raises an exception of its own, which `run` understands, when another request with the
        same key was there first.
        """
        if not 200 <= answer.status < 300:
            raise ValueError(f"only 2xx answers are kept, not {answer.status}")
        try:
            self.collection.insert_one(
                {
                    "_id": key.record_id,
                    "caller": key.caller,
                    "body_hash": Binary(key.body_hash),
                    "status": answer.status,
                    "headers": answer.headers,
                    "body": Binary(answer.body if answer.kept is None else answer.kept),
                    "at": self.now(),
                },
                session=session,
            )
        except DuplicateKeyError:
            raise _Raced from None
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                raise _Raced from None
            raise

    def run(
        self,
        client: MongoClient[Any],
        key: Key | None,
        effect: Callable[[ClientSession], Answer],
    ) -> Answer:
        """The answer of `effect`, run in one transaction together with the record of its answer;
        or the answer that the same key got before.

        `effect` may run several times (the transaction is retried), and must raise for anything
        that is not 2xx. Raises KeyReused, and KeyInUse while the first request still runs.
        """
        if key is None:
            return in_transaction(client, effect)
        if (given := self.lookup(key)) is not None:
            return given

        def recorded(session: ClientSession) -> Answer:
            answer = effect(session)
            self.record(session, key, answer)
            return answer

        try:
            return in_transaction(client, recorded)
        except _Raced:
            if (given := self.lookup(key)) is not None:
                return given
            raise KeyInUse("Send it again in a moment") from None


def make_key(caller: str, route: str, given: str, body: bytes) -> Key:
    """The key that `caller` gave on `route` (method and path) with `body`."""
    where = "\n".join((caller, route, given)).encode()
    return Key(
        record_id=hashlib.sha256(where).hexdigest(),
        caller=caller,
        body_hash=hashlib.sha256(body).digest(),
    )
