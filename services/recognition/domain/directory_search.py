"""How entries of the directory are found: by the start of any word of name, id or mail address.

An entry is stored under keys, the beginnings of its words, so that a search is one look-up of an
index however common its words are; what is longer than a key is compared when it has been read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PART = re.compile(r"[^\s@._-]+")
_LENGTHS = (0, 1, 2, 3, 5, 8, 13)
"""Of the beginnings of words that are keys: a term is looked up by its longest. Few, because each
makes every write dearer."""

_ACTIVE, _INACTIVE = "+", "-"


def words_of(entry: Mapping[str, Any]) -> list[str]:
    """The words of an entry, in lower case: the parts of name, id and mail, and id and mail
    whole."""
    email = (entry.get("email") or "").casefold()
    parts = _PART.findall(f"{entry['name']} {entry['id']} {email}".casefold())
    return sorted({*parts, entry["id"], *filter(None, [email])})


def keys_of(entry: Mapping[str, Any]) -> list[str]:
    """The keys under which an entry is stored: whether it is active (what is no person always
    is), with each beginning of each word, none at all being one too."""
    mark = _ACTIVE if entry.get("active", True) else _INACTIVE
    words = words_of(entry)
    starts = {word[:length] for length in _LENGTHS for word in words if len(word) >= length}
    return sorted(mark + start for start in starts)


def terms_of(text: str) -> list[str]:
    """The terms of a search, each of which starts a word of what is found. A mail address is one
    term, anything else is taken apart as the words are."""
    terms: list[str] = []
    for piece in text.casefold().split():
        parts = [] if "@" in piece else _PART.findall(piece)
        terms += parts or [piece]
    return terms


def keys_for(terms: Sequence[str], active: bool | None) -> list[str]:
    """The keys under which everything is stored that a search finds; none: it may be anywhere."""
    if not terms and active is None:
        return []
    longest = max(terms, key=len, default="")
    start = longest[: max(length for length in _LENGTHS if length <= len(longest))]
    marks = {None: (_ACTIVE, _INACTIVE), True: (_ACTIVE,), False: (_INACTIVE,)}[active]
    return [mark + start for mark in marks]


def is_found(entry: Mapping[str, Any], terms: Sequence[str], active: bool | None) -> bool:
    """Whether a search means `entry`."""
    if active is not None and entry.get("active", True) != active:
        return False
    words = words_of(entry) if terms else []
    return all(any(word.startswith(term) for word in words) for term in terms)
