"""Bodies that are not JSON: their media type is checked before they are read."""

from flask import request

from shared.web.problems import UnsupportedMediaType


def require_media_type(expected: str) -> None:
    """Raise UnsupportedMediaType unless the body of the present request is marked as `expected`."""
    if request.mimetype != expected:
        raise UnsupportedMediaType(
            f"The body is marked as {request.mimetype or 'nothing'}; "
            f"send it with Content-Type: {expected}"
        )
