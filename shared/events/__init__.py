"""Events: the envelope (CloudEvents 1.0) and the contracts that producers and consumers hold to."""

from shared.events.envelope import Event, MalformedEvent, decode, encode, event_id
from shared.events.topics import (
    ACCESS,
    DIRECTORY,
    LEADERBOARD,
    PRIVACY,
    RECOGNITION,
    TOPICS,
    dead_letter_topic,
)

__all__ = [
    "ACCESS",
    "DIRECTORY",
    "LEADERBOARD",
    "PRIVACY",
    "RECOGNITION",
    "TOPICS",
    "Event",
    "MalformedEvent",
    "dead_letter_topic",
    "decode",
    "encode",
    "event_id",
]
