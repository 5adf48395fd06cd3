"""What a service does when recognition asks it to forget a person, or to tell what it holds.

A request names how far the log must be folded first (`after`): until then more about the person
may still arrive. It is kept in the service's own database until it is done, and doing it again is
harmless, so a death at any instant only repeats it.
"""

from collections.abc import Iterator, Mapping
from threading import Event as Flag
from typing import Any, Protocol

import orjson
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared import times
from shared.config import Settings
from shared.erased import Erased
from shared.eventlog import EventLog, LogTruncated, Offsets
from shared.eventlog.follower import Follower
from shared.events import PRIVACY, Event, event_id
from shared.lease import Lease
from shared.mongo import Client, Document
from shared.telemetry import log as telemetry
from shared.worker import SideLoop

GROUP = "privacy"
_IDLE_SECONDS = (1.0, 5.0)
_LEASE_SECONDS = 10.0
_ITEMS_A_PART = 200
_BYTES_A_PART = 256 * 1024

Held = Iterator[tuple[str, Document]]
"""(section, item): what is held about somebody, item by item, sections one after the other."""


class Holder(Protocol):
    """A service's stores of personal data."""

    def has_folded(self, after: Offsets) -> bool:
        """Whether everything of the log before these offsets is in the stores."""

    def forget(self, person: str, alias: str) -> None:
        """Leave nothing of `person`; where somebody must stand, `alias` does. Safe to repeat."""

    def held(self, person: str) -> Held:
        """What is held about `person`."""


class PrivacyFollower(SideLoop):
    """Follows the requests of recognition, in a thread beside a worker, and acknowledges each."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        service: str,
        log: EventLog,
        holder: Holder,
        stop: Flag | None = None,
    ) -> None:
        db = client[settings.database(service)]
        self._service, self._log, self._holder = service, log, holder
        self._erased = Erased(db)
        self._requests = db["privacy_requests"]
        self._offsets = db["offsets"]
        self._lease = Lease(db["leases"], GROUP, _LEASE_SECONDS)
        self._follower: Follower[Document] = Follower(
            log, client, self._offsets, GROUP, [PRIVACY], request_of, self._keep
        )
        super().__init__(
            GROUP,
            self.step,
            settings,
            stop=stop,
            idle_seconds=_IDLE_SECONDS,
            closing=[self._follower.close, self._lease.release],
        )

    def step(self) -> int:
        """Take over new requests, and do what can be done; how many were."""
        if not self._lease.hold():
            return 0
        try:
            self._follower.step()
        except LogTruncated as truncated:  # recognition repeats what was not acknowledged
            telemetry.warning("requests may come late", reason=str(truncated))
            self._offsets.delete_one({"_id": GROUP})
        return sum(self._do(request) for request in list(self._requests.find({})))

    def _keep(self, requests: list[Document], session: ClientSession) -> None:
        for request in requests:
            same = {"_id": request["_id"]}
            self._requests.replace_one(same, request, upsert=True, session=session)

    def _do(self, request: Document) -> int:
        after = {entry["position"]: entry["offset"] for entry in request["after"]}
        if not self._lease.hold() or not self._holder.has_folded(after):
            return 0
        identifier, person = request["_id"], request["person"]
        if request["kind"] == "erasure":
            # The fingerprint first: it keeps a late event from bringing the person back.
            self._erased.note(person, identifier, request["key"])
            self._holder.forget(person, request["alias"])
        else:
            for number, (section, items) in enumerate(parts(self._holder.held(person)), 1):
                self._log.append([held_event(identifier, self._service, number, section, items)])
        self._log.append([done_event(request["kind"], identifier, self._service)])
        self._requests.delete_one({"_id": identifier})
        return 1


def request_of(event: Event) -> Document | None:
    """The request that an event is, as it is kept; None for what is none."""
    kinds = {"kudos.erasure.requested": "erasure", "kudos.access_report.requested": "access_report"}
    kind = kinds.get(event.type)
    if kind is None:
        return None
    state = event.data["state"]
    # A list: the names of positions have dots.
    after = [{"position": name, "offset": int(offset)} for name, offset in state["after"].items()]
    request = {"_id": state["id"], "kind": kind, "person": state["person"], "after": after}
    if kind == "erasure":
        request |= {"alias": state["alias"], "key": state["key"]}
    return request


def parts(held: Held) -> Iterator[tuple[str, list[Document]]]:
    """What is held in parts that an event can carry, as plain JSON."""
    section, size = "", 0
    items: list[Document] = []
    for name, item in held:
        text = orjson.dumps(item, default=_text, option=orjson.OPT_UTC_Z)
        is_full = len(items) >= _ITEMS_A_PART or size + len(text) > _BYTES_A_PART
        if items and (name != section or is_full):
            yield section, items
            items, size = [], 0
        section, size = name, size + len(text)
        items.append(orjson.loads(text))
    if items:
        yield section, items


def has_reached(db: Database[Document], offsets_id: str, after: Mapping[str, int]) -> bool:
    """Whether the follower that keeps its offsets under `offsets_id` is beyond those of `after`
    that it reads."""
    stored = db["offsets"].find_one({"_id": offsets_id})
    return is_beyond(stored["offsets"] if stored else {}, after)


def is_beyond(offsets: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether each position of `after` that `offsets` has is reached; with none at all: no."""
    return bool(offsets) and all(
        offsets[name] >= offset for name, offset in after.items() if name in offsets
    )


def done_event(kind: str, identifier: str, service: str) -> Event:
    """`kudos.erasure.done` or `kudos.access_report.done`."""
    state = {"id": identifier, "service": service}
    return privacy_event(f"kudos.{kind}.done", f"{identifier}:{service}", 1, state)


def held_event(
    identifier: str, service: str, number: int, section: str, items: list[Document]
) -> Event:
    """`kudos.access_report.held`: part `number` of what a service holds."""
    state = {"id": identifier, "service": service, "number": number, "section": section}
    subject = f"{identifier}:{service}:held"
    return privacy_event("kudos.access_report.held", subject, number, {**state, "items": items})


def privacy_event(event_type: str, subject: str, number: int, state: Mapping[str, Any]) -> Event:
    """An event of the topic; what concerns one request keeps its order."""
    at = times.to_rfc3339(times.now())
    return Event(
        id=event_id(subject, number),
        type=event_type,
        source=f"/{state.get('service', 'recognition')}",
        subject=subject,
        time=at,
        topic=PRIVACY,
        key=str(state["id"]),
        data={"state": dict(state), "change": {"by": None, "at": at}, "quiet": True},
    )


def _text(value: Any) -> str:
    return str(value)
