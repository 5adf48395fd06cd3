"""The outbox: events that are stored with what they tell of, until the relay has published them.

See docs/adr/0090-outbox.md.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from shared.events import Event, event_id
from shared.times import to_rfc3339

SLOTS = 8
"""Into how many parts relays share the outbox; one resource always falls into the same."""

CARRIED = "outbox"
"""Under this name a record carries its new events to the repository that stores it."""

Entry = dict[str, Any]
"""An event that waits: {"_id": its id, "subject", "version", "type", "topic", "at", "data": JSON,
"request_id"}."""


def put(
    record: dict[str, Any],
    *,
    event_type: str,
    topic: str,
    data: Mapping[str, Any],
    now: datetime,
    request_id: str | None,
) -> None:
    """Let `record` carry the event of its present version."""
    subject, version = record["_id"], record["version"]
    record.setdefault(CARRIED, []).append(
        {
            "_id": event_id(subject, version),
            "subject": subject,
            "version": version,
            "type": event_type,
            "topic": topic,
            "at": now,
            "data": orjson.dumps(data),
            "request_id": request_id,
        }
    )


def bare(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the events that it carries: what is stored of it."""
    return {name: value for name, value in record.items() if name != CARRIED}


def slot_of(subject: str) -> int:
    """The part of the outbox that a resource falls into."""
    return zlib.crc32(subject.encode()) % SLOTS


def event_of(entry: Mapping[str, Any], source: str) -> Event:
    """The event that waits as `entry`."""
    return Event(
        id=entry["_id"],
        type=entry["type"],
        source=source,
        subject=entry["subject"],
        time=to_rfc3339(entry["at"]),
        topic=entry["topic"],
        key=entry["subject"],
        data=orjson.loads(entry["data"]),
        request_id=entry["request_id"],
    )
