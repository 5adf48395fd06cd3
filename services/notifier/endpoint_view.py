"""Endpoints and attempts as the API shows them."""

from datetime import datetime

from services.notifier.sealing import Seals, Unsealable, valid_entries
from shared import times
from shared.mongo import Document
from shared.web.problems import Unavailable

HIDDEN = "[not kept]"
"""In the place of a header's value, which may be a password."""


def endpoint_view(endpoint: Document, seals: Seals, now: datetime) -> Document:
    """An endpoint as its owner sees it at `now`, without its secrets.

    Raises Unavailable when its headers are sealed under a key that is not there.
    """
    try:
        headers = seals.opened_headers(endpoint)
    except Unsealable as error:
        raise Unavailable(
            f"The headers of {endpoint['_id']} cannot be read: {error}", retry_after=60
        ) from None
    failing = endpoint.get("failing") or {}
    ends = [each["until"] for each in valid_entries(endpoint["secrets"], now) if "until" in each]
    return {
        "id": endpoint["_id"],
        "url": endpoint["url"],
        "event_types": endpoint["event_types"],
        "filters": endpoint.get("filters") or {},
        "headers": headers,
        "rate_limit": endpoint.get("rate_limit"),
        "include_quiet": bool(endpoint.get("include_quiet")),
        "include_private": bool(endpoint.get("include_private")),
        "description": endpoint["description"],
        "enabled": endpoint["enabled"],
        "disabled_reason": endpoint["disabled_reason"],
        "failing_since": _instant(failing.get("failing_since")),
        "previous_secret_until": _instant(max(ends, default=None)),
        "created_at": times.to_rfc3339(endpoint["created_at"]),
        "revision": endpoint["revision"],
    }


def attempt_view(attempt: Document) -> Document:
    """An attempt as the API shows it."""
    is_success = attempt["error"] is None and 200 <= (attempt["status"] or 0) < 300
    return {
        "id": attempt["_id"],
        "webhook_id": attempt["event_id"],
        "type": attempt["type"],
        "number": attempt["number"],
        "at": times.to_rfc3339(attempt["at"]),
        "outcome": "succeeded" if is_success else "failed",
        "status": attempt["status"],
        "duration_ms": attempt["duration_ms"],
        "answer": attempt["answer"],
        "error": attempt["error"],
        "sent": attempt["sent"],
    }


def _instant(instant: datetime | None) -> str | None:
    return times.to_rfc3339(instant) if instant else None
