"""Cross-origin requests of the pages that KUDOS_CORS_ORIGINS names, each an exact origin.

Tokens travel in a header that a page sets itself, so credentials (cookies) are never allowed.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the process of live streams has no Flask
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

    def preflight(self, request: "Request") -> "Response | None":
        """The answer to a preflight; None when the request is none. Needs no token: the browser
        sends it without. An origin that is not named gets no permission, and so no request."""
        if (
            request.method != "OPTIONS"
            or "Origin" not in request.headers
            or "Access-Control-Request-Method" not in request.headers
        ):
            return None
        from flask import Response

        return Response(status=204, headers=self.allowed(request.headers["Origin"]))

    def allowed(self, origin: str | None) -> dict[str, str]:
        """The headers of the answer to a preflight, besides those of every answer."""
        if origin not in self.origins:
            return {}
        return {
            "Access-Control-Allow-Methods": ALLOWED_METHODS,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }

    def permit(self, request: "Request", response: "Response") -> None:
        """Say on any answer whether the page of the request's origin may read it."""
        for name, value in self.permitted(request.headers.get("Origin")).items():
            response.headers.add(name, value)

    def permitted(self, origin: str | None) -> dict[str, str]:
        """The headers that say so."""
        if not self.origins:
            return {}
        if origin is None or origin not in self.origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED,
        }
