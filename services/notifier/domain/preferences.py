"""What a person wants to be told over mail and chat, and when (DESIGN section 7, Defaults).

Stored is only what differs from the defaults, so that a better default reaches everybody who never
said otherwise: {"_id": person, "channels": {kind: {channel: bool}}, "quiet_hours", "timezone",
"language", "digest": {"day", "hour"}, "chat_url": sealed}, all but `_id` optional.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from services.notifier.domain.notices import CHANNELS, KINDS

Preferences = Mapping[str, Any]

NOTHING: Preferences = {}
"""The preferences of somebody who never said anything."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DIGEST_DAY, DIGEST_HOUR = "monday", 8
LANGUAGE = "en"

_BY_DEFAULT = {
    "mail": frozenset({"thanks", "asks", "overdue", "team_weekly", "webhooks"}),
    "chat": frozenset[str](),
}
"""`team_weekly` is for whom people report to, `webhooks` for who has endpoints."""


def is_chosen(preferences: Preferences, kind: str, channel: str) -> bool:
    """Whether the person is told of `kind` over `channel`."""
    chosen = preferences.get("channels", {}).get(kind, {}).get(channel)
    return kind in _BY_DEFAULT[channel] if chosen is None else bool(chosen)


def choices(preferences: Preferences) -> dict[str, dict[str, bool]]:
    """What the person is told of: by kind and channel, all of them."""
    return {
        kind: {channel: is_chosen(preferences, kind, channel) for channel in CHANNELS}
        for kind in KINDS
    }


def differing(chosen: Mapping[str, Mapping[str, bool]]) -> dict[str, dict[str, bool]]:
    """Of what was chosen, what is not so by default."""
    differ = {
        kind: {
            channel: wanted
            for channel, wanted in channels.items()
            if wanted != (kind in _BY_DEFAULT[channel])
        }
        for kind, channels in chosen.items()
    }
    return {kind: channels for kind, channels in differ.items() if channels}


def digest_time(preferences: Preferences) -> tuple[int, int]:
    """When digests come, in the person's time zone: (weekday of the weekly ones, 0 is Monday;
    hour)."""
    wanted = preferences.get("digest") or {}
    return DAYS.index(wanted.get("day", DIGEST_DAY)), int(wanted.get("hour", DIGEST_HOUR))


def zone_of(names: Iterable[str | None]) -> ZoneInfo:
    """The first of the named zones that is known here; UTC when none is. Give the person's own
    choice, the directory's, and the organisation's."""
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # no such name, in this version of the list
            continue
    return ZoneInfo("UTC")
