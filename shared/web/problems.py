"""Refusals as RFC 9457 problem documents: one class per problem type, free of any web framework.

Raise one where the refusal is known; `shared.web.errors` turns it into the answer. A service adds
its own types by subclassing: `slug` and `title` are what clients see, the docstring is the
description on the page of problems.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""How many entries `errors` has at most; `further_errors` says how many more there are."""


class Problem(Exception):
    """A refusal of a request; `extensions` become members of the document."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str | None = None, **extensions: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extensions = extensions

    @property
    def type(self) -> str:
        """The URI reference that identifies the kind of problem; stable."""
        return f"/problems/{self.slug}"

    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer besides Content-Type."""
        return {}

    def document(self) -> dict[str, Any]:
        """The members of the problem document, in the order of RFC 9457."""
        members: dict[str, Any] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        return members | self.extensions


class InternalError(Problem):
    """The request hit a defect or a failure that was not foreseen. It was logged with its request
    id, `request_id` in the document: tell it to the operator. Trying again may help."""

    slug = "internal-error"


class BadRequest(Problem):
    """The request cannot be parsed: a body that is not JSON, a header that is no header value."""

    status = 400
    slug = "bad-request"
    title = "The request cannot be read"


class BadCursor(BadRequest):
    """The `cursor` was not made by this list, or was cut on the way. Start again without one."""

    slug = "bad-cursor"
    title = "The cursor is not one of ours"


class Unauthorized(Problem):
    """No token, or one that is malformed, forged, expired, revoked or for someone else. Send
    `Authorization: Bearer TOKEN` with a JWT of the configured issuer or an API key."""

    status = 401
    slug = "unauthorized"
    title = "A valid bearer token is needed"

    def headers(self) -> dict[str, str]:
        """The challenge of RFC 6750 section 3; an error is named only when a token was sent."""
        challenge = 'Bearer realm="kudos"'
        if self.detail and self.extensions.get("error"):
            description = _quotable(self.detail)
            challenge += f', error="{self.extensions["error"]}", error_description="{description}"'
        return {"WWW-Authenticate": challenge}


class InvalidToken(Unauthorized):
    """A token was sent and is not accepted: `detail` says why. Get a new one."""

    slug = "invalid-token"
    title = "The token is not accepted"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_token")


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = 403
    slug = "forbidden"
    title = "This is not allowed"


class MissingScope(Forbidden):
    """The token lacks a scope; `required_scopes` names those that the operation needs."""

    slug = "missing-scope"
    title = "The token lacks a scope"

    def __init__(self, required: Iterable[str]) -> None:
        needed = sorted(required)
        super().__init__("This needs the scope " + " and ".join(needed), required_scopes=needed)

    def headers(self) -> dict[str, str]:
        """The challenge of RFC 6750 section 3.1."""
        scopes = " ".join(self.extensions["required_scopes"])
        challenge = f'Bearer realm="kudos", error="insufficient_scope", scope="{scopes}"'
        return {"WWW-Authenticate": challenge}


class NotFound(Problem):
    """There is no such thing, or the caller may not see it."""

    status = 404
    slug = "not-found"
    title = "There is nothing here"


class MethodNotAllowed(Problem):
    """The path exists but not with this method; the header `Allow` lists those it has."""

    status = 405
    slug = "method-not-allowed"
    title = "The method is not allowed here"


class NotAcceptable(Problem):
    """None of the media types in `Accept` can be produced."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable media type"


class RequestTimeout(Problem):
    """The request began and did not come to its end in time. Send it again, in one go."""

    status = 408
    slug = "request-timeout"
    title = "The request did not come to its end"


class Conflict(Problem):
    """The state of the resource does not allow this; where it helps, `allowed` lists the states
    in which it would be, or `location` names what is in the way."""

    status = 409
    slug = "conflict"
    title = "The present state does not allow this"

    def headers(self) -> dict[str, str]:
        """`Location` of what is in the way, when it is known."""
        location = self.extensions.get("location")
        return {"Location": location} if location else {}


class KeyInUse(Conflict):
    """A request with the same `Idempotency-Key` is still running. Send it again in a moment: it
    then gets the first one's answer."""

    slug = "idempotency-key-in-use"
    title = "The first request with this key is still running"

    def headers(self) -> dict[str, str]:
        """`Retry-After`: the first request is nearly done."""
        return {"Retry-After": "1"}


class PreconditionFailed(Problem):
    """The resource changed since it was read (`If-Match` names another revision), or exists
    already (`If-None-Match: *`). Read it again and decide anew."""

    status = 412
    slug = "precondition-failed"
    title = "The resource is not as expected"


class TooLarge(Problem):
    """The body is larger than the route takes: 1 MiB unless it says otherwise."""

    status = 413
    slug = "too-large"
    title = "The body is too large"


class UnsupportedMediaType(Problem):
    """The body has a `Content-Type` that the route does not read."""

    status = 415
    slug = "unsupported-media-type"
    title = "The media type is not supported"


class Unprocessable(Problem):
    """The request was read but breaks a rule. `errors` lists each breach with `detail` and a
    JSON `pointer` (RFC 6901) to where it is; for query parameters and headers, which a pointer
    does not reach, the parameter's name stands in its place and `in` says where it was. At most a
    hundred are listed; `further_errors` says how many more there are."""

    status = 422
    slug = "unprocessable"
    title = "The request breaks a rule"

    def __init__(
        self,
        detail: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        **extensions: Any,
    ) -> None:
        if errors:
            extensions["errors"] = list(errors[:MOST_ERRORS])
        if len(errors) > MOST_ERRORS:
            extensions["further_errors"] = len(errors) - MOST_ERRORS
        super().__init__(detail, **extensions)


class KeyReused(Unprocessable):
    """The `Idempotency-Key` was used before with another body. Take a new key for a new request."""

    slug = "idempotency-key-reused"
    title = "The key belongs to another request"


class PreconditionRequired(Problem):
    """The change needs `If-Match` with the `ETag` that was read (or `If-None-Match: *` to
    create), so that nobody's change is overwritten unseen."""

    status = 428
    slug = "precondition-required"
    title = "A precondition is needed"


class _Later(Problem):
    retry_after_default = 60

    def __init__(
        self, detail: str | None = None, *, retry_after: int | None = None, **extensions: Any
    ) -> None:
        super().__init__(detail, **extensions)
        self.retry_after = self.retry_after_default if retry_after is None else retry_after

    def headers(self) -> dict[str, str]:
        """`Retry-After` in seconds."""
        return {"Retry-After": str(self.retry_after)}


class LimitReached(_Later):
    """A limit is reached; `Retry-After` says in how many seconds it is free again."""

    status = 429
    slug = "limit-reached"
    title = "A limit is reached"


class HeadersTooLarge(Problem):
    """The header fields of the request are larger than the server takes."""

    status = 431
    slug = "headers-too-large"
    title = "The headers are too large"


class Unavailable(_Later):
    """Something that the service needs does not answer just now. Nothing was written; the same
    request, best with the same `Idempotency-Key`, may be sent again after `Retry-After`."""

    status = 503
    slug = "unavailable"
    title = "The service is not available just now"
    retry_after_default = 2


def pointer(*path: str | int) -> str:
    """A JSON pointer (RFC 6901) to `path`: `pointer("recipients", 0)` is `/recipients/0`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def error_at(path: str | int | Sequence[str | int], detail: str) -> dict[str, str]:
    """One entry of `errors`: where (a name, or a path of names and indexes) and what."""
    parts = path if isinstance(path, list | tuple) else (path,)
    return {"pointer": pointer(*parts), "detail": detail}


def _quotable(text: str) -> str:
    """`text` as RFC 6750 allows it in a quoted parameter: printable ASCII without quotes."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)
