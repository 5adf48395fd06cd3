"""A letter: what a notice says, in words, before it is mail or a chat message.

Every text here is plain text in the addressee's language. What others wrote stands in `quote` and
in names only, so that a channel knows what it must not trust; each escapes it all the same.
"""

from dataclasses import dataclass
from typing import Any

from services.notifier.domain.notices import Links


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened, or is open."""

    text: str
    quote: str | None = None
    """What somebody wrote, whole."""
    notes: tuple[str, ...] = ()
    """Short lines: when it is due, why it moved."""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Items under a title."""

    items: tuple[Item, ...]
    title: str | None = None
    more: str | None = None
    """How many were left out."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a notice says."""

    subject: str
    """Names people and counts; never what somebody wrote (DESIGN: private texts stay private)."""
    headline: str
    sections: tuple[Section, ...]
    reason: str
    """Why the addressee gets it."""
    lead: str | None = None


def recognition_url(links: Links, recognition: Any) -> str:
    """Where a recognition is seen: the suite, told which one."""
    return f"{links.suite.rstrip('/')}/?recognition={recognition['id']}"
