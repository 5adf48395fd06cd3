"""What the fields of the directory may say, whether they come by CSV or through the API.

Each rule takes text and gives what is stored; it raises ValueError, with what would be accepted.
"""

import re
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

RESERVED_IDS = frozenset({"me", "imports"})
"""No person's id: `me` stands for whoever asks, and paths have these words."""

MAX_NAME = 200
MAX_MAIL = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

MAX_PHOTO = 2048

_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`{|}]")


def identifier(reference: str) -> str:
    """The reference of somebody new, whose id is none of RESERVED_IDS."""
    bare = reference.partition(":")[2]
    if bare in RESERVED_IDS:
        raise ValueError(f"{bare} means something else in the API: choose another id")
    return reference


def name(text: str) -> str:
    """A name on one line, without the spaces around it."""
    if len(text) > MAX_NAME or _CONTROL.search(text) or not text.strip():
        raise ValueError(f"a name has 1 to {MAX_NAME} characters and no control characters")
    return text.strip()


def mail(text: str) -> str:
    """A mail address."""
    if len(text) > MAX_MAIL or not _MAIL.fullmatch(text) or _CONTROL.search(text):
        raise ValueError(f"{text!r} is not a mail address")
    return text


def timezone(text: str) -> str:
    """The name of a time zone in the IANA database."""
    if text not in _timezones():
        raise ValueError(f"{text!r} is not a time zone like Europe/Berlin")
    return text


def photo_url(text: str) -> str:
    """Where a photo is: an absolute https URL without user name or password."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    is_plain = len(text) <= MAX_PHOTO and not _NOT_IN_URL.search(text)
    if not is_plain or not host or parts.scheme != "https" or "@" in parts.netloc:
        raise ValueError("a photo's address starts with https://, and names a host")
    return text


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
