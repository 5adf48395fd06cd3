"""Headers of an endpoint's own: which are accepted (RFC 9110 sections 5.1, 5.5 and 7.6.1)."""

import re
from collections.abc import Mapping

MOST = 20
LONGEST_NAME = 64
LONGEST_VALUE = 1024
LONGEST_IN_ALL = 4096

NAME_PATTERN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
VALUE_PATTERN = r"[\x21-\x7e]([\x20\x09\x21-\x7e]*[\x21-\x7e])?"
_NAME, _VALUE = re.compile(NAME_PATTERN), re.compile(VALUE_PATTERN)
_TAKEN = {
    "accept-encoding", "connection", "date", "expect", "forwarded", "host", "http2-settings",
    "keep-alive", "max-forwards", "metadata", "metadata-flavor", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "via", "x-real-ip",
}  # fmt: skip
"""Of the connection, of the sender, or believed by proxies and by what stands behind them."""
_TAKEN_BEGINNINGS = ("content-", "proxy-", "sec-", "webhook-", "x-aws-", "x-forwarded-")


def refusals(headers: Mapping[str, str]) -> dict[str | None, str]:
    """Why headers are not accepted, by name (None: all together); empty when they are."""
    found: dict[str | None, str] = {}
    if len(headers) > MOST:
        found[None] = f"has {len(headers)} headers; up to {MOST} are accepted"
    elif sum(len(name) + len(value) for name, value in headers.items()) > LONGEST_IN_ALL:
        found[None] = f"is longer than {LONGEST_IN_ALL} characters in all"
    seen: set[str] = set()
    for name, value in headers.items():
        reason = _refused_name(name) or _refused_value(value)
        if reason is None and name.lower() in seen:
            reason = "is there twice; the case of letters does not tell headers apart"
        seen.add(name.lower())
        if reason is not None:
            found[name] = reason
    return found


def _refused_name(name: str) -> str | None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return f"is no name of a header: 1 to {LONGEST_NAME} letters, digits and !#$%&'*+.^_`|~-"
    if name.lower() in _TAKEN or name.lower().startswith(_TAKEN_BEGINNINGS):
        return (
            "is not to be set: it belongs to the connection, to proxies or to Kudos; take a name "
            "of your own, like X-Token, or Authorization"
        )
    return None


def _refused_value(value: str) -> str | None:
    if len(value) > LONGEST_VALUE:
        return f"has {len(value)} characters; up to {LONGEST_VALUE} are accepted"
    if not _VALUE.fullmatch(value):
        return (
            "has a value that is not accepted: visible ASCII characters, spaces and tabs between "
            "them, no line breaks"
        )
    return None
