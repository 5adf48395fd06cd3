"""The content of a delivery (Standard Webhooks 1.0: type, timestamp, data)."""

from collections.abc import Mapping
from typing import Any


def references_in(*views: Mapping[str, Any]) -> list[str]:
    """Every reference that recognitions, as they are shown, name; each once."""
    found: dict[str, None] = {}
    for view in views:
        found |= dict.fromkeys((view["giver"], *view["recipients"]))
        found |= dict.fromkeys(view[act]["by"] for act in ("promise", "declined") if view[act])
    return list(found)


def content(
    event_type: str,
    occurred_at: str,
    view: Mapping[str, Any],
    people: Mapping[str, Any],
    change: Mapping[str, Any],
) -> dict[str, Any]:
    """What a delivery says: `data` is the resource as the API answers it, with `people`, plus
    `change`.

    `occurred_at` (RFC 3339) is when the event happened; the view is of the time of sending, so
    its `version` may be later than the event's.
    """
    return plain(event_type, occurred_at, {**view, "people": people, "change": change})


def plain(event_type: str, occurred_at: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a delivery says that is about no recognition."""
    return {"type": event_type, "timestamp": occurred_at, "data": data}
