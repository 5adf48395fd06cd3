"""The events of this service: what each holds, put into the outbox of the record it is about."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.recognition.domain import outbox
from services.recognition.domain.state import (
    attribution_state,
    directory_state,
    key_state,
    plain,
    recognition_state,
    value_state,
)
from shared.events import ACCESS, DIRECTORY, RECOGNITION
from shared.telemetry import request_id

SOURCE = "/recognition"
"""CloudEvents `source` of everything that this service publishes."""

Document = dict[str, Any]


def put_recognition_event(
    record: Document, event: str, *, by: str | None, at: datetime, **brought: Any
) -> None:
    """`kudos.recognition.<event>`; `brought` is what the act brought besides who and when."""
    data = {
        "state": recognition_state(record),
        "attribution": attribution_state(record),
        "change": _change(by, at, brought),
        "quiet": record["quiet"],
    }
    _put(record, f"kudos.recognition.{event}", RECOGNITION, data, at)


def put_directory_event(entry: Document, *, by: str | None, at: datetime) -> None:
    """`kudos.person.changed`, `kudos.team.changed` or `kudos.partner.changed`."""
    data = {"state": directory_state(entry), "change": _change(by, at, {}), "quiet": False}
    _put(entry, f"kudos.{entry['type']}.changed", DIRECTORY, data, at)


def put_value_event(value: Document, *, by: str | None, at: datetime) -> None:
    """`kudos.value.changed`; its subject is `value:<id>`."""
    data = {"state": value_state(value), "change": _change(by, at, {}), "quiet": False}
    _put(value, "kudos.value.changed", DIRECTORY, data, at)


def put_key_event(key: Document, *, by: str | None, at: datetime) -> None:
    """`kudos.key.changed`: the hash travels, never the key."""
    data = {"state": key_state(key), "change": _change(by, at, {}), "quiet": False}
    _put(key, "kudos.key.changed", ACCESS, data, at)


def _change(by: str | None, at: datetime, brought: Mapping[str, Any]) -> Document:
    return {"by": by, "at": plain(at), **{name: plain(value) for name, value in brought.items()}}


def _put(record: Document, event_type: str, topic: str, data: Document, at: datetime) -> None:
    outbox.put(
        record, event_type=event_type, topic=topic, data=data, now=at, request_id=request_id.get()
    )
