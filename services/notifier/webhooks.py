"""Webhook endpoints: made, changed and looked into by their owner, a person or a key."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from services.notifier.domain.addresses import IPNetwork
from services.notifier.domain.signature import new_secret
from services.notifier.domain.targets import RefusedTarget, parse_target
from services.notifier.endpoint_view import endpoint_view
from services.notifier.repository import Repository
from services.notifier.sealing import Seals
from services.notifier.sending import Resolver, find_addresses
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.mongo import Document
from shared.web.problems import (
    Conflict,
    Forbidden,
    MissingScope,
    NotFound,
    PreconditionFailed,
    Unprocessable,
    error_at,
)

MOST_OF_ONE_OWNER = 200
SECRETS_OVERLAP = timedelta(hours=24)
"""So long the secret before signs as well."""

_AS_ASKED = (
    "url",
    "event_types",
    "filters",
    "rate_limit",
    "include_quiet",
    "include_private",
    "description",
    "enabled",
)


class Webhooks:
    """What owners do with their endpoints; `admins`: the people of KUDOS_ADMINS."""

    def __init__(
        self,
        repository: Repository,
        seals: Seals,
        allowed: Sequence[IPNetwork],
        resolver: Resolver,
        admins: Collection[str] = (),
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._repository = repository
        self._seals = seals
        self._allowed = allowed
        self._resolver = resolver
        self._admins = admins
        self._now = now

    def create(self, caller: Caller, asked: Mapping[str, Any], session: ClientSession) -> Document:
        """Store a new endpoint; it with its secret, which is never shown again.

        Raises Unprocessable for a URL that webhooks may not go to, Forbidden for a caller who may
        read nothing, or wants private ones and may not, Conflict for one who has too many,
        Unavailable where there is no key to seal the secret with.
        """
        owner = _owner(caller)
        self._seals.require()
        self._check(asked["url"])
        if self._repository.endpoints.count(owner["id"], session) >= MOST_OF_ONE_OWNER:
            raise Conflict(f"You have {MOST_OF_ONE_OWNER} endpoints; delete one first")
        identifier, secret = "whk_" + new_id(), new_secret(secrets.token_bytes)
        endpoint = {
            "_id": identifier,
            "owner": owner,
            **{name: asked[name] for name in _AS_ASKED},
            "sealed_headers": self._seals.headers(identifier, asked["headers"]),
            "disabled_reason": None,
            "failing": None,
            "secrets": [self._seals.secret(identifier, secret)],
            "created_at": self._now(),
            "revision": 1,
        }
        if endpoint["include_private"]:
            self._let_private(caller, endpoint, session)
        self._repository.endpoints.insert(endpoint, session)
        return {**self._view(endpoint), "secret": secret}

    def every(self, caller: Caller) -> list[Document]:
        """The caller's endpoints, in order of creation."""
        return [self._view(endpoint) for endpoint in self._repository.endpoints.of_owner(caller.id)]

    def get(self, caller: Caller, endpoint_id: str) -> Document:
        """One endpoint. Raises NotFound, also for somebody else's."""
        return self._view(self.find(caller, endpoint_id))

    def change(
        self, caller: Caller, endpoint_id: str, revision: int, asked: Mapping[str, Any]
    ) -> Document:
        """Change what `asked` names, if it is still at `revision`; the endpoint afterwards.

        Raises NotFound, PreconditionFailed, and the others as `create`.
        """
        if "url" in asked:
            self._check(asked["url"])

        def work(session: ClientSession) -> None:
            endpoint = self.find(caller, endpoint_id, session)
            changes = self._changes(endpoint, asked)
            if not changes:
                return
            after = {**endpoint, **changes}
            if after.get("include_private") and {"include_private", "url"}.intersection(changes):
                self._let_private(caller, after, session)
            endpoints = self._repository.endpoints
            if not endpoints.change(endpoint_id, revision, changes, session):
                raise PreconditionFailed("It was changed meanwhile; read it again")

        self._repository.in_transaction(work)
        return self.get(caller, endpoint_id)

    def rotate_secret(self, caller: Caller, endpoint_id: str, session: ClientSession) -> Document:
        """Give an endpoint a new secret; it with that, which is never shown again.

        The secret before signs as well for 24 h; one from before that no longer. Raises NotFound,
        Unavailable where there is no key to seal the secret with.
        """
        self._seals.require()
        endpoint = self.find(caller, endpoint_id, session)
        entries = {**endpoint, **self._seals.resealed(endpoint)}["secrets"]
        secret = new_secret(secrets.token_bytes)
        changes = {
            "secrets": [
                self._seals.secret(endpoint_id, secret),
                {**entries[0], "until": self._now() + SECRETS_OVERLAP},
            ]
        }
        revision = endpoint["revision"]
        if not self._repository.endpoints.change(endpoint_id, revision, changes, session):
            raise Conflict("It is being changed just now; try again")
        after = {**endpoint, **changes, "revision": revision + 1}
        return {**self._view(after), "secret": secret}

    def delete(self, endpoint_id: str, revision: int) -> None:
        """Delete it, if it is still at `revision`; what waits for it is never sent. Raises
        PreconditionFailed."""
        if not self._repository.endpoints.delete(endpoint_id, revision):
            raise PreconditionFailed("It was changed meanwhile; read it again")

    def find(
        self, caller: Caller, endpoint_id: str, session: ClientSession | None = None
    ) -> Document:
        """One endpoint as it is stored. Raises NotFound, also for somebody else's."""
        endpoint = self._repository.endpoints.get(caller.id, endpoint_id, session)
        if endpoint is None:
            raise NotFound(f"You have no webhook endpoint {endpoint_id}")
        return endpoint

    def _changes(self, endpoint: Document, asked: Mapping[str, Any]) -> Document:
        changes = {name: asked[name] for name in _AS_ASKED if name in asked}
        if "headers" in asked:
            if asked["headers"]:
                self._seals.require()
            changes["sealed_headers"] = self._seals.headers(endpoint["_id"], asked["headers"])
        if changes.get("enabled"):
            changes["disabled_reason"] = None
        if "url" in changes or "enabled" in changes:
            changes["failing"] = None
        if changes and self._seals.present is not None:
            changes = {**self._seals.resealed(endpoint), **changes}
        return changes

    def _let_private(self, caller: Caller, endpoint: Document, session: ClientSession) -> None:
        """Let it carry what is private, and write down who did. Raises MissingScope, Forbidden."""
        if not caller.has(scopes.ADMIN):
            raise MissingScope((scopes.ADMIN,))
        if caller.key_id is None and caller.person not in self._admins:
            raise Forbidden(
                "include_private needs an administrator whom Kudos can ask for again at each "
                "sending: make the endpoint with an API key that has the scope admin, or have the "
                "operator name you in KUDOS_ADMINS"
            )
        entry = {
            "_id": "aud_" + new_id(),
            "at": self._now(),
            "by": caller.id,
            "act": "webhook.include_private",
            "endpoint": endpoint["_id"],
            "url": endpoint["url"],
        }
        self._repository.audit.add(entry, session)

    def _view(self, endpoint: Document) -> Document:
        return endpoint_view(endpoint, self._seals, self._now())

    def _check(self, url: str) -> None:
        try:
            find_addresses(parse_target(url), self._resolver, self._allowed)
        except RefusedTarget as refused:
            detail = f"The URL {refused}"
            raise Unprocessable(detail, [error_at("url", detail)]) from None


def _owner(caller: Caller) -> Document:
    """Whose an endpoint is that `caller` makes. What a person may read follows the directory,
    what a key may read its scopes, which must therefore allow reading."""
    if caller.key_id is not None:
        caller.require(scopes.READ)
    elif caller.person is None:
        raise Forbidden("Webhooks belong to a person or an API key; this token names neither")
    return {"id": caller.id, "person": caller.person, "key": caller.key_id}
