"""The text/event-stream of an inbox (WHATWG HTML, section 9.2 Server-sent events).

The id of an event is the person's own sequence number, so a client that comes back says how far it
got, to whichever server it comes.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

CONTENT_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
"""A comment: it keeps whatever lies between from closing the connection, and finds dead ones."""

RETRY_MILLISECONDS = 3_000
"""After how long a client whose stream ended comes back."""

ITEM, UNREAD, END = "item", "unread", "end"
"""The names of events: something the person was told; how many items are unread; why it ends."""

_POSITION = re.compile(r"\d{1,15}", re.ASCII)


def event(name: str, data: Mapping[str, Any], position: int | None = None) -> bytes:
    """An event. JSON has no line breaks of its own, so its data is one line."""
    head = f"id: {position}\n" if position is not None else ""
    return f"{head}event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def mark(position: int) -> bytes:
    """What moves the client's Last-Event-ID and tells it nothing."""
    return f"id: {position}\n\n".encode()


def retry(milliseconds: int) -> bytes:
    """How long the client is to wait before it connects again."""
    return f"retry: {milliseconds}\n\n".encode()


def parse_position(text: str) -> int:
    """The sequence number of a Last-Event-ID. Raises ValueError that says what is accepted."""
    if not _POSITION.fullmatch(text):
        raise ValueError("must be the id of an event of this stream: a whole number, 0 or more")
    return int(text)
