"""What a stream was asked for, beside whose it is."""

from collections.abc import Mapping

from services.notifier.domain.event_stream import parse_position
from shared.web.problems import Unprocessable, error_at

PARAMETERS = ("last_event_id", "ticket")


def position_of(query: Mapping[str, str], headers: Mapping[str, str | None]) -> int | None:
    """How far the client got: the header, which a browser sets when it comes back, else the
    parameter, which stands in the address for good; None: from now on. Raises Unprocessable."""
    known = ", ".join(PARAMETERS)
    errors = [
        {**error_at(name, f"There is no such parameter: there are {known}"), "in": "query"}
        for name in query
        if name not in PARAMETERS
    ]
    position: int | None = None
    for place, name, text in (
        ("query", "last_event_id", query.get("last_event_id")),
        ("header", "Last-Event-ID", headers.get("Last-Event-ID")),
    ):
        if text:
            try:
                position = parse_position(text)
            except ValueError as why:
                errors.append({**error_at(name, str(why)), "in": place})
    if errors:
        count = len(errors)
        raise Unprocessable(f"{count} parameter{'' if count == 1 else 's'} to correct", errors)
    return position
