"""The envelope: CloudEvents 1.0 in the Kafka protocol binding's binary content mode.

Attributes travel as `ce_` headers, `data` as JSON in the value. The log kept in MongoDB carries
the same headers and value. See docs/adr/0003-events.md.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_REQUIRED = ("ce_id", "ce_source", "ce_type", "ce_subject", "ce_time")


class MalformedEvent(ValueError):
    """A record of the log that is no event of ours; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one resource.

    `data` is {"state": the whole resource after the change, "change": who did it, when and what
    it brought, "quiet": whether nobody is to be told} and, for recognitions, "attribution".
    """

    id: str
    type: str
    source: str
    subject: str
    time: str
    topic: str
    key: str
    data: dict[str, Any]
    request_id: str | None = None


def event_id(subject: str, version: int) -> str:
    """The id of the event that brought `subject` to `version`: the same whenever it is published.

    It is also the `webhook-id` of its deliveries, so it has no dots (Standard Webhooks signs
    `id.timestamp.body`).
    """
    digest = hashlib.sha256(subject.encode()).hexdigest()[:32]
    return f"evt_{digest}_{version}"


def encode(event: Event) -> tuple[dict[str, str], bytes]:
    """The headers and the value of the record that carries `event`."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_source": event.source,
        "ce_type": event.type,
        "ce_subject": event.subject,
        "ce_time": event.time,
        "ce_partitionkey": event.key,
        "content-type": "application/json",
    }
    if event.request_id:
        headers["ce_requestid"] = event.request_id
    return headers, orjson.dumps(event.data)


def decode(topic: str, headers: Mapping[str, str], value: bytes) -> Event:
    """The event in a record; attributes and members that we do not know are ignored.

    Raises MalformedEvent when it is none.
    """
    if headers.get("ce_specversion") != "1.0":
        raise MalformedEvent("header ce_specversion is not 1.0")
    for name in _REQUIRED:
        if not headers.get(name):
            raise MalformedEvent(f"header {name} is missing")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedEvent(f"value is not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("state"), dict):
        raise MalformedEvent("data has no state")
    return Event(
        id=headers["ce_id"],
        type=headers["ce_type"],
        source=headers["ce_source"],
        subject=headers["ce_subject"],
        time=headers["ce_time"],
        topic=topic,
        key=headers.get("ce_partitionkey") or headers["ce_subject"],
        data=data,
        request_id=headers.get("ce_requestid"),
    )
