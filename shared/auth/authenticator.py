"""From the Authorization header to a Caller."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from shared import references, times
from shared.auth import api_keys, scopes
from shared.auth.caller import Caller
from shared.auth.tokens import JwtVerifier, Verified
from shared.config import Settings
from shared.web.problems import BadRequest, Forbidden, InvalidToken, Unauthorized

Entry = Mapping[str, Any]


class Signed(Protocol):
    """A request, of whichever server, by its headers (their names in any case)."""

    @property
    def headers(self) -> Any:
        """A mapping."""


TRUSTED_SECONDS = 2.0
"""How long the caller that a JWT gave is taken as known. So long may somebody who was made
inactive still read. API keys are looked up each time: a revocation counts at once."""

_REMEMBERED = 4096
_NO_SUCH_KEY = "There is no such API key"


class Authenticator:
    """Finds out who calls; safe to share between threads.

    `find_entry(reference)` gives the directory entry of a person, `find_by_email(address)` the
    same by mail in lower case, `find_key(id)` the state of an API key; each None when there is
    none. `note_use(id)` is told of every use of an API key.
    """

    def __init__(
        self,
        settings: Settings,
        verifier: JwtVerifier,
        find_entry: Callable[[str], Entry | None],
        find_by_email: Callable[[str], Entry | None],
        find_key: Callable[[str], Entry | None],
        *,
        note_use: Callable[[str], None] = lambda _key_id: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self.settings = settings
        self.verifier = verifier
        self.find_entry = find_entry
        self.find_by_email = find_by_email
        self.find_key = find_key
        self.note_use = note_use
        self._clock = clock
        self._now = now
        self._callers: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._lock = threading.Lock()

    def authenticate(self, request: Signed) -> Caller:
        """The caller of `request`.

        Raises Unauthorized without a token, InvalidToken with one that is not accepted, Forbidden
        for an inactive person or a Kudos-On-Behalf-Of that is not allowed.
        """
        token = bearer_token(request)
        on_behalf_of = request.headers.get("Kudos-On-Behalf-Of")
        if token.startswith(api_keys.PREFIX):
            return self._caller_of_key(token, on_behalf_of)
        if on_behalf_of is not None:
            raise Forbidden("Kudos-On-Behalf-Of needs an API key that may act for others")
        return self._caller_of_jwt(token)

    def expires(self, request: Signed) -> float | None:
        """When the token of a request that was let in expires, in seconds since the epoch; None
        for an API key, which does not."""
        token = bearer_token(request)
        return None if token.startswith(api_keys.PREFIX) else self.verifier.verify(token).expires

    def require_still_valid(self, person: str, key_id: str | None) -> None:
        """Raise when somebody who was let in (with an API key) would be let in no more: Forbidden
        for an inactive person, InvalidToken for a key that is revoked or may not read."""
        self._active_entry(person)
        key = self.find_key(key_id) if key_id else None
        if key_id is not None and not api_keys.may_read(key):
            raise InvalidToken("The API key is revoked, or has lost the scope kudos:read")

    def _caller_of_jwt(self, token: str) -> Caller:
        verified = self.verifier.verify(token)  # every time: it knows when the token expires
        known = self._callers.get(token)
        now = self._clock()
        if known is not None and known[0] > now:
            return known[1]
        caller, may_be_kept = self._identify(verified)
        if may_be_kept:
            with self._lock:
                self._callers[token] = (now + TRUSTED_SECONDS, caller)
                self._callers.move_to_end(token)
                if len(self._callers) > _REMEMBERED:
                    self._callers.popitem(last=False)
        return caller

    def _identify(self, verified: Verified) -> tuple[Caller, bool]:
        """The caller of a verified token, and whether the directory knows them: somebody who is
        not in it yet is looked up again the next time."""
        entry: Entry | None = None
        person: str | None = None
        if self.settings.jwt_person_claim == "email":
            entry = self.find_by_email(verified.person.lower()) if verified.person else None
            person = entry["ref"] if entry else None
        elif verified.person and references.is_id(verified.person):
            person = f"person:{verified.person}"
            entry = self.find_entry(person)
        granted = verified.scopes
        if person is not None and person in self.settings.admins:
            granted = scopes.ALL
        elif entry is not None and not entry.get("active", True):
            raise Forbidden(f"{person} is not active")
        elif not granted and entry is not None:
            granted = scopes.DEFAULT
        identity = person or f"subject:{verified.subject}"
        partner = entry.get("partner") if entry else None
        caller = Caller(id=identity, person=person, partner=partner, scopes=granted)
        return caller, entry is not None

    def _caller_of_key(self, token: str, on_behalf_of: str | None) -> Caller:
        key_id = api_keys.id_of(token)
        key = self.find_key(key_id) if key_id else None
        if key is None or key_id is None:
            raise InvalidToken(_NO_SUCH_KEY)
        self._require_secret(token, key)
        if key.get("revoked_at") is not None:
            raise InvalidToken("The API key is revoked")
        identity, person = f"key:{key_id}", key.get("person")
        entry = self._active_entry(person)
        if on_behalf_of is not None:
            if not key.get("on_behalf_of"):
                raise Forbidden("This API key may not act for others")
            person = _person(on_behalf_of)
            identity = f"{identity} for {person}"
            entry = self._active_entry(person)
            if entry is None:
                raise Forbidden(f"{person} is not in the directory")
        self.note_use(key_id)
        return Caller(
            id=identity,
            person=person,
            partner=entry.get("partner") if entry else None,
            scopes=frozenset(key["scopes"]) & scopes.ALL,
            key_id=key_id,
        )

    def _require_secret(self, token: str, key: Entry) -> None:
        if api_keys.verify(token, key["hash"]):
            return
        previous = key.get("previous_hash")
        if previous is None or not api_keys.verify(token, previous):
            raise InvalidToken(_NO_SUCH_KEY)
        if key["previous_until"] <= self._now():
            raise InvalidToken("The API key has a new secret, and the time of the old one is over")

    def _active_entry(self, person: str | None) -> Entry | None:
        entry = self.find_entry(person) if person else None
        if entry is not None and not entry.get("active", True):
            raise Forbidden(f"{person} is not active")
        return entry


def bearer_token(request: Signed) -> str:
    """The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1). Raises Unauthorized."""
    header: str | None = request.headers.get("Authorization")
    if not header:
        raise Unauthorized("Send Authorization: Bearer TOKEN")
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Only the scheme Bearer is accepted: Authorization: Bearer TOKEN")
    return token


def _person(text: str) -> str:
    try:
        reference = references.parse_reference(text.strip())
    except ValueError as error:
        raise BadRequest(f"Kudos-On-Behalf-Of: {error}") from None
    if references.kind_of(reference) != "person":
        raise BadRequest("Kudos-On-Behalf-Of wants a person, like person:ada")
    return reference
