"""Cross-origin requests of the pages that KUDOS_CORS_ORIGINS names, each an exact origin.

Tokens travel in a header that a page sets itself, so credentials (cookies) are never allowed.
"""

from collections.abc import Collection

from flask import Request, Response

EXPOSED = "ETag, Location, Retry-After, X-Request-Id"
ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, If-Match, If-None-Match, Idempotency-Key, "
    "Kudos-On-Behalf-Of, Last-Event-ID, X-Request-Id"
)
_PREFLIGHT_SECONDS = "600"


class Cors:
    """The answers to the browser's questions about origins."""

    def __init__(self, origins: Collection[str]) -> None:
        self.origins = frozenset(origins)

    def preflight(self, request: Request) -> Response | None:
        """The answer to a preflight; None when the request is none. Needs no token: the browser
        sends it without. An origin that is not named gets no permission, and so no request."""
        if (
            request.method != "OPTIONS"
            or "Origin" not in request.headers
            or "Access-Control-Request-Method" not in request.headers
        ):
            return None
        response = Response(status=204)
        if request.headers["Origin"] in self.origins:
            response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response

    def permit(self, request: Request, response: Response) -> None:
        """Say on any answer whether the page of the request's origin may read it."""
        if not self.origins:
            return
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in self.origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
