"""Webhook endpoints: made, changed and looked into by their owner, a person or a key."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from services.notifier.domain.addresses import IPNetwork
from services.notifier.domain.signature import new_secret
from services.notifier.domain.targets import RefusedTarget, parse_target
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import KEPT_FOR
from services.notifier.sending import Resolver, find_addresses
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.mongo import Document
from shared.web.problems import (
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Unprocessable,
    error_at,
)

MOST_OF_ONE_OWNER = 200

_FIRST_WINDOW = timedelta(hours=1)
_WIDENING = 4
_CHANGEABLE = ("url", "event_types", "description", "enabled")

AttemptPosition = tuple[datetime, str]
"""Where a page of attempts ended: `at` and id of its last."""


class Webhooks:
    """What owners do with their endpoints."""

    def __init__(
        self,
        repository: Repository,
        allowed: Sequence[IPNetwork],
        resolver: Resolver,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._repository = repository
        self._allowed = allowed
        self._resolver = resolver
        self._now = now

    def create(self, caller: Caller, asked: Mapping[str, Any], session: ClientSession) -> Document:
        """Store a new endpoint; it with its secret, which is never shown again.

        Raises Unprocessable for a URL that webhooks may not go to, Forbidden for a caller who may
        read nothing, Conflict for one who has too many.
        """
        owner = _owner(caller)
        self._check(asked["url"])
        if self._repository.endpoints.count(owner["id"], session) >= MOST_OF_ONE_OWNER:
            raise Conflict(f"You have {MOST_OF_ONE_OWNER} endpoints; delete one first")
        secret = new_secret(secrets.token_bytes)
        endpoint = {
            "_id": "whk_" + new_id(),
            "owner": owner,
            **{name: asked[name] for name in _CHANGEABLE},
            "disabled_reason": None,
            "secrets": [{"cipher": "none", "value": secret}],
            "created_at": self._now(),
            "revision": 1,
        }
        self._repository.endpoints.insert(endpoint, session)
        return {**_view(endpoint), "secret": secret}

    def every(self, caller: Caller) -> list[Document]:
        """The caller's endpoints, in order of creation."""
        return [_view(endpoint) for endpoint in self._repository.endpoints.of_owner(caller.id)]

    def get(self, caller: Caller, endpoint_id: str) -> Document:
        """One endpoint. Raises NotFound, also for somebody else's."""
        return _view(self._find(caller, endpoint_id))

    def change(
        self, caller: Caller, endpoint_id: str, revision: int, asked: Mapping[str, Any]
    ) -> Document:
        """Change what `asked` names, if it is still at `revision`; the endpoint afterwards.

        Raises NotFound, PreconditionFailed, and Unprocessable as `create`.
        """
        changes = {name: asked[name] for name in _CHANGEABLE if name in asked}
        if "url" in changes:
            self._check(changes["url"])
        if changes.get("enabled"):
            changes["disabled_reason"] = None
        if changes and not self._repository.endpoints.change(endpoint_id, revision, changes):
            raise PreconditionFailed("It was changed meanwhile; read it again")
        return self.get(caller, endpoint_id)

    def delete(self, endpoint_id: str, revision: int) -> None:
        """Delete it, if it is still at `revision`; what waits for it is never sent. Raises
        PreconditionFailed."""
        if not self._repository.endpoints.delete(endpoint_id, revision):
            raise PreconditionFailed("It was changed meanwhile; read it again")

    def attempts(
        self, caller: Caller, endpoint_id: str, after: AttemptPosition | None, limit: int
    ) -> list[Document]:
        """Up to `limit` attempts, newest first, as they are stored; none older than 30 days.

        Raises NotFound.
        """
        self._find(caller, endpoint_id)
        attempts, found = self._repository.attempts, list[Document]()
        if after is not None:
            same_instant = attempts.at(endpoint_id, after[0])
            found = [attempt for attempt in same_instant if attempt["_id"] < after[1]]
        high = after[0] if after else self._now() + _FIRST_WINDOW
        floor, window = self._now() - KEPT_FOR, _FIRST_WINDOW
        while high > floor and len(found) < limit:
            low = max(high - window, floor)
            found += attempts.between(endpoint_id, low, high, limit - len(found))
            high, window = low, window * _WIDENING
        return found[:limit]

    def _find(self, caller: Caller, endpoint_id: str) -> Document:
        endpoint = self._repository.endpoints.get(caller.id, endpoint_id)
        if endpoint is None:
            raise NotFound(f"You have no webhook endpoint {endpoint_id}")
        return endpoint

    def _check(self, url: str) -> None:
        try:
            find_addresses(parse_target(url), self._resolver, self._allowed)
        except RefusedTarget as refused:
            detail = f"The URL {refused}"
            raise Unprocessable(detail, [error_at("url", detail)]) from None


def attempt_view(attempt: Document) -> Document:
    """An attempt as the API shows it."""
    is_success = attempt["error"] is None and 200 <= (attempt["status"] or 0) < 300
    return {
        "id": attempt["_id"],
        "webhook_id": attempt["event_id"],
        "type": attempt["type"],
        "number": attempt["number"],
        "at": times.to_rfc3339(attempt["at"]),
        "outcome": "succeeded" if is_success else "failed",
        "status": attempt["status"],
        "duration_ms": attempt["duration_ms"],
        "answer": attempt["answer"],
        "error": attempt["error"],
        "sent": attempt["sent"],
    }


def _owner(caller: Caller) -> Document:
    """Whose an endpoint is that `caller` makes. What a person may read follows the directory,
    what a key may read its scopes, which must therefore allow reading."""
    if caller.key_id is not None:
        caller.require(scopes.READ)
    elif caller.person is None:
        raise Forbidden("Webhooks belong to a person or an API key; this token names neither")
    return {"id": caller.id, "person": caller.person, "key": caller.key_id}


def _view(endpoint: Document) -> Document:
    return {
        "id": endpoint["_id"],
        "url": endpoint["url"],
        "event_types": endpoint["event_types"],
        "filters": {},
        "headers": {},
        "rate_limit": None,
        "description": endpoint["description"],
        "enabled": endpoint["enabled"],
        "disabled_reason": endpoint["disabled_reason"],
        "created_at": times.to_rfc3339(endpoint["created_at"]),
        "revision": endpoint["revision"],
    }
