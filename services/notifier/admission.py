"""Who may have a live stream: by a token, or by a ticket that was got with one."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.notifier.repository import Repository
from shared import times
from shared.auth import scopes
from shared.config import Settings
from shared.erased import Erased, inactive_when_erased
from shared.key_uses import KeyUses
from shared.mongo import Document
from shared.web.problems import BadRequest, Forbidden, InvalidToken

if TYPE_CHECKING:  # what verifies a JWT takes 7 MB, in a process that may serve nobody
    from shared.auth.authenticator import Authenticator, Signed
    from shared.auth.caller import Caller

TICKET_SECONDS = 60
LONGEST_SECONDS = 12 * 3600.0
"""No stream goes on for longer: a client connects again by itself, and is let in anew."""

LEEWAY_SECONDS = 60.0  # shared/auth/tokens.py: so long after its end is a token still taken


@dataclass(frozen=True, slots=True)
class Admission:
    """Whose stream it is, and until when (seconds since the epoch). `has_end`: the token's end."""

    person: str
    caller: str
    key: str | None
    ends_at: float
    has_end: bool


class Admissions:
    """Lets people in; what it asks of the database blocks."""

    def __init__(
        self,
        repository: Repository,
        authenticator: "Authenticator",
        *,
        clock: Callable[[], float] = time.time,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._tickets = repository.tickets
        self._authenticator = authenticator
        self._clock = clock
        self._now = now

    def admit(self, request: "Signed", ticket: str | None) -> Admission:
        """Whose stream `request` may have. Raises what authentication does; Forbidden for who is
        no person, InvalidToken for a ticket that is not good, BadRequest for both at once."""
        if ticket is None:
            caller = self._authenticator.authenticate(request)
            return self._admission(*self.check(caller), self._end_of(request))
        if "Authorization" in request.headers:
            raise BadRequest("Send a ticket or the header Authorization, not both")
        return self._redeem(ticket)

    def issue(self, caller: "Caller", request: "Signed") -> Document:
        """A ticket for the caller of `request`: {"ticket", "expires_at"}. Raises Forbidden."""
        person, identity, key = self.check(caller)
        text = "tkt_" + secrets.token_urlsafe(32)
        expires_at, end = self._now() + timedelta(seconds=TICKET_SECONDS), self._end_of(request)
        self._tickets.insert(
            {
                "_id": _hash(text),
                "person": person,
                "caller": identity,
                "key": key,
                "ends_at": datetime.fromtimestamp(end, UTC) if end else None,
                "used": False,
                "expires_at": expires_at,
            }
        )
        return {"ticket": text, "expires_at": times.to_rfc3339(expires_at)}

    @staticmethod
    def check(caller: "Caller") -> tuple[str, str, str | None]:
        """(person, id, key) of a caller. Raises MissingScope, and Forbidden for no person."""
        caller.require(scopes.READ)
        if caller.person is None:
            raise Forbidden("Only people have an inbox: name a person in Kudos-On-Behalf-Of")
        return caller.person, caller.id, caller.key_id

    def _end_of(self, request: "Signed") -> float | None:
        end = self._authenticator.expires(request)
        return end + LEEWAY_SECONDS if end is not None and end <= self._clock() else end

    def _redeem(self, ticket: str) -> Admission:
        identifier = _hash(ticket)
        if not self._tickets.use(identifier, self._now()):
            found = self._tickets.get(identifier)
            if found is None:
                raise InvalidToken("There is no such ticket; get one at POST /stream/tickets")
            why = "was used already: each is good once" if found["used"] else "is too old"
            raise InvalidToken(f"The ticket {why}")
        found = self._tickets.get(identifier)
        if found is None:
            raise InvalidToken("The ticket is too old")
        self._authenticator.require_still_valid(found["person"], found["key"])
        end = found["ends_at"]
        end_seconds = end.timestamp() if end else None
        return self._admission(found["person"], found["caller"], found["key"], end_seconds)

    def _admission(self, person: str, caller: str, key: str | None, end: float | None) -> Admission:
        longest = self._clock() + LONGEST_SECONDS
        has_end = end is not None and end <= longest
        return Admission(person, caller, key, end if has_end and end else longest, has_end)


def make_authenticator(settings: Settings, repository: Repository) -> "Authenticator":
    """What finds out who calls, over the notifier's replica of directory and keys."""
    from shared.auth.authenticator import Authenticator
    from shared.auth.tokens import JwtVerifier

    directory = repository.directory
    return Authenticator(
        settings,
        JwtVerifier(settings),
        find_entry=inactive_when_erased(directory.find, Erased(repository.db)),
        find_by_email=directory.find_by_email,
        find_key=directory.key,
        note_use=KeyUses(repository.key_uses.note).note,
    )


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
