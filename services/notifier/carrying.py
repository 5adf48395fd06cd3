"""Whether an endpoint carries an event: its owner's rights, and its own choice."""

from typing import Any

from services.notifier.domain.event_types import matches
from services.notifier.domain.filters import passes
from services.notifier.domain.readability import Reader, may_read
from shared.mongo import Document


def chooses(endpoint: Document, event_type: str, is_quiet: bool) -> bool:
    """Whether the endpoint asks for events of that type, and for quiet ones if it is."""
    asks = bool(endpoint.get("include_quiet")) or not is_quiet
    return asks and matches(endpoint["event_types"], event_type)


def carries(
    endpoint: Document, reader: Reader | None, event_type: str, row: Any, is_quiet: bool
) -> bool:
    """Whether the endpoint carries an event of a recognition that stands as `row` says."""
    return (
        reader is not None
        and chooses(endpoint, event_type, is_quiet)
        and passes(endpoint.get("filters") or {}, row["state"], row["attribution"])
        and may_read(reader, row["state"], row["attribution"])
    )
