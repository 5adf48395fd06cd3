"""ETags of resources, and the preconditions of a change (RFC 9110 section 13).

A tag names a resource's `revision`, not the bytes of an answer. So a tag that a gateway weakened
(`W/"3"`, as nginx does when it compresses) still names the revision, and is accepted.
"""

import re

from flask import request

from shared.web.problems import BadRequest, PreconditionFailed, PreconditionRequired

_LIST = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*')
_TAG = re.compile(r'"([\x21\x23-\x7e]*)"')


def etag(revision: int) -> str:
    """The value of `ETag` for a revision."""
    return f'"{revision}"'


def require_if_match(current: int) -> None:
    """Let a change of a resource at revision `current` pass only under `If-Match`.

    Raises PreconditionRequired without the header, PreconditionFailed when it names another.
    """
    header = request.headers.get("If-Match")
    if header is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read")
    if not _matches(header, current):
        raise PreconditionFailed("It was changed meanwhile; read it again", etag=etag(current))


def if_none_match_star() -> bool:
    """Whether the request is to create only: `If-None-Match: *`."""
    return request.headers.get("If-None-Match", "").strip() == "*"


def require_put_precondition(current: int | None) -> None:
    """The precondition of a PUT: `If-None-Match: *` to create what is not there (`current` is
    None), `If-Match` to change what is.

    Raises PreconditionRequired without either, PreconditionFailed when it does not hold.
    """
    if current is not None:
        if if_none_match_star():
            raise PreconditionFailed("It exists already", etag=etag(current))
        require_if_match(current)
    elif "If-Match" in request.headers:
        raise PreconditionFailed("It does not exist")
    elif not if_none_match_star():
        raise PreconditionRequired("Send If-None-Match: * to create it")


def _matches(header: str, current: int) -> bool:
    if header.strip() == "*":
        return True
    if not _LIST.fullmatch(header):
        raise BadRequest(f"If-Match wants tags in quotes, like {etag(current)}")
    return str(current) in _TAG.findall(header)
