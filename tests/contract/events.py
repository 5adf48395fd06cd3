"""Events for the tests of the log and its followers."""

from typing import Any

from shared.events import RECOGNITION, Event, event_id


def thanked(key: str, version: int, topic: str = RECOGNITION, **state: Any) -> Event:
    """That the recognition `key` reached `version`."""
    return Event(
        id=event_id(key, version),
        type="kudos.recognition.thanked",
        source="/recognition",
        subject=key,
        time="2026-11-22T10:00:00Z",
        topic=topic,
        key=key,
        data={"state": {"id": key, "version": version, **state}, "change": {}, "quiet": False},
    )
