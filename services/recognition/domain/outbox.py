"""The outbox: events that a record carries until the relay has published them.

See docs/adr/0002-outbox-in-the-document.md.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from shared.events import Event, event_id
from shared.times import to_rfc3339

SLOTS = 8
"""Into how many parts relays share the outboxes; one resource always falls into the same."""


def put(
    record: dict[str, Any],
    *,
    event_type: str,
    topic: str,
    data: Mapping[str, Any],
    now: datetime,
    request_id: str | None,
) -> None:
    """Add the event of `record`'s present version to its outbox."""
    record.setdefault("outbox", []).append(
        {
            "version": record["version"],
            "type": event_type,
            "topic": topic,
            "at": now,
            "data": orjson.dumps(data),
            "request_id": request_id,
        }
    )
    record.setdefault("outbox_since", now)
    record["outbox_slot"] = zlib.crc32(record["_id"].encode()) % SLOTS


def events_in(record: Mapping[str, Any], source: str) -> list[Event]:
    """The unpublished events of a record, in order of version."""
    subject = record["_id"]
    return [
        Event(
            id=event_id(subject, entry["version"]),
            type=entry["type"],
            source=source,
            subject=subject,
            time=to_rfc3339(entry["at"]),
            topic=entry["topic"],
            key=subject,
            data=orjson.loads(entry["data"]),
            request_id=entry["request_id"],
        )
        for entry in sorted(record["outbox"], key=lambda entry: entry["version"])
    ]
