"""What a person is told by mail or chat, ready to be put into words: channels render it.

Kinds are what people choose by (preferences); acts are what happened, oldest first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KINDS = {
    "thanks": "Somebody thanked you or your team",
    "asks": "Somebody asked you or your team for something",
    "promises": "What you asked for was promised, moved, given back, done, declined or reopened",
    "comments": "Somebody commented on a recognition that you are part of",
    "reactions": "Somebody reacted to a recognition that you are part of",
    "reminders": "A promise of yours is due soon; a please of yours has no answer, or no thanks",
    "overdue": "A promise of yours, or one made to you, was not kept in time",
    "daily": "Your day: the digest of a day on which something happened",
    "weekly": "Your week: the digest of a week in which something happened",
    "team_weekly": "The week of the people who report to you",
    "webhooks": "A webhook endpoint of yours fails, or was disabled",
}
DIGESTS = frozenset({"daily", "weekly", "team_weekly"})
CHANNELS = ("mail", "chat")
"""What costs attention; the inbox and its stream take everything."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is told."""

    reference: str
    name: str
    email: str | None
    timezone: str
    """Of the IANA database: times in messages are written in it."""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happened to a recognition."""

    type: str
    """Of domain/event_types.py."""
    by: str | None
    """Reference of who did it; None: the clock."""
    at: datetime
    change: Mapping[str, Any]
    """`change` of the event: the comment's text, the reaction, the reason, ..."""
    recognition: Mapping[str, Any]
    """As GET /recognition/v1/recognitions/{id} shows it to the addressee, at sending."""


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute URLs."""

    suite: str
    preferences: str
    unsubscribe: str
    """Signed, works without signing in; GET asks, POST does it (RFC 8058)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person over one channel."""

    id: str
    """The same however often it is sent: Message-ID is made of it."""
    kind: str
    to: Addressee
    links: Links
    acts: tuple[Act, ...] = ()
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """{"name", "team", "photo_url"} by reference, for every reference in acts and about."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What is no act: the figures of a digest, the webhook endpoint that fails."""
