"""The replica of the directory and of the API keys that a service keeps from events."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from shared import nudges
from shared.config import Settings
from shared.erased import Erased
from shared.eventlog import EventLog
from shared.eventlog.follower import Follower
from shared.events import ACCESS, DIRECTORY, Event
from shared.key_uses import NOTED_EVERY_SECONDS, UntoldUses
from shared.lease import Lease
from shared.mongo import Client, Document, find_many, put_each
from shared.times import parse_rfc3339
from shared.worker import SideLoop

_DIRECTORY_TYPES = {"kudos.person.changed", "kudos.team.changed", "kudos.partner.changed"}


def directory_change(event: Event) -> Document | None:
    """The entry of `directory` that an event brings (`_id`: its reference), or None.

    Raises KeyError, TypeError or ValueError for a state that is none.
    """
    if event.topic != DIRECTORY or event.type not in _DIRECTORY_TYPES:
        return None
    state = event.data["state"]
    if state["ref"] != event.subject:
        raise ValueError(f"state of {state['ref']} in an event about {event.subject}")
    return replica_entry(state)


def replica_entry(state: Mapping[str, Any]) -> Document:
    """The entry of `directory` that a PersonState, TeamState or PartnerState is, with `email_key`:
    what a person is found by who signs in with a mail address, whose case does not matter.

    Raises KeyError, TypeError or ValueError for a state that is none.
    """
    email = state.get("email")
    if email is not None and not isinstance(email, str):
        raise TypeError(f"mail address {email!r} is no text")
    key = {"email_key": email.casefold()} if email else {}
    return {"_id": state["ref"], **state, **key, "version": _version(state)}


def key_change(event: Event) -> Document | None:
    """The entry of `api_keys` that an event brings (`_id`: the key's id), or None."""
    if event.topic != ACCESS or event.type != "kudos.key.changed":
        return None
    state = event.data["state"]
    instants = {
        name: parse_rfc3339(state[name]) if state.get(name) else None
        for name in ("created_at", "revoked_at", "previous_until")
    }
    return {"_id": state["id"], **state, **instants, "version": _version(state)}


def _version(state: Mapping[str, Any]) -> int:
    version = state["version"]
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"version {version!r} is not 1, 2, 3, ...")
    return version


def apply_directory(
    db: Database[Document], entries: Sequence[Document], session: ClientSession
) -> list[Document]:
    """Store each entry that is newer than what `directory` holds; those that were. An event that
    comes late brings nobody back who was erased."""
    gone = Erased(db).among({entry["_id"] for entry in entries}, session)
    present = [entry for entry in entries if entry["_id"] not in gone]
    return store_newer(db["directory"], present, session)


def apply_keys(
    db: Database[Document], entries: Sequence[Document], session: ClientSession
) -> list[Document]:
    """Store each key that is newer than what `api_keys` holds; those that were."""
    return store_newer(db["api_keys"], entries, session)


def store_newer(
    collection: Collection[Document], entries: Sequence[Document], session: ClientSession
) -> list[Document]:
    """Store each of `entries` (`_id`, `version`) that is newer than what the collection holds;
    those that were."""
    newest: dict[str, Document] = {}
    for entry in entries:
        held = newest.get(entry["_id"])
        if held is None or entry["version"] > held["version"]:
            newest[entry["_id"]] = entry
    found = find_many(collection, "_id", list(newest), {"version": 1}, session)
    stored = {entry["_id"]: entry["version"] for entry in found}
    changed = [each for each in newest.values() if each["version"] > stored.get(each["_id"], 0)]
    put_each(collection, changed, stored, session)
    return changed


class AccessFollower(SideLoop):
    """Keeps a service's `api_keys` in a thread of its own, so that a revocation waits behind no
    backlog, and tells recognition once a minute which keys were used."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        service: str,
        log: EventLog,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        db = client[settings.database(service)]
        self._service, self._log = service, log
        self._lease = Lease(db["leases"], "access")
        self._follower: Follower[Document] = Follower(
            log, client, db["offsets"], "access", [ACCESS], key_change, partial(apply_keys, db)
        )
        self._uses = UntoldUses(db)
        self._clock = clock
        self._tell_at = -math.inf
        super().__init__(
            "access", self.step, settings, nudged_by=nudges.ACCESS, closing=[self.close]
        )

    def step(self) -> int:
        """Take over what changed, and tell what is due; how many records of the log it took."""
        if not self._lease.hold():
            return 0
        folded = self._follower.step()
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + NOTED_EVERY_SECONDS
            self._uses.tell(self._log, self._service)
        return folded

    def close(self) -> None:
        """Let another take over at once."""
        self._follower.close()
        self._lease.release()
