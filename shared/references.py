"""References to whoever gives and receives: `person:ada`, `team:core`, `partner:acme`."""

import re

KINDS = ("person", "team", "partner")
ID_PATTERN = r"[a-z0-9][a-z0-9._-]{0,63}"

_ID = re.compile(ID_PATTERN)
_REFERENCE = re.compile(rf"(?:(person|team|partner):)?({ID_PATTERN})")


def is_id(text: str) -> bool:
    """Whether `text` may be the id of a person, a team or a partner."""
    return _ID.fullmatch(text) is not None


def parse_reference(text: str, bare: str = "person") -> str:
    """The full reference that `text` means; a bare id means one of the kind `bare`.

    Raises ValueError, with what would be accepted, for anything else.
    """
    match = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{text!r} is not a reference: write {bare}:ID, where ID is 1 to 64 of "
            "a-z 0-9 . _ - and starts with a letter or digit"
        )
    kind, identifier = match.groups()
    return f"{kind or bare}:{identifier}"


def kind_of(reference: str) -> str:
    """`person`, `team` or `partner`, of a full reference."""
    return reference.partition(":")[0]


def id_of(reference: str) -> str:
    """The bare id of a full reference."""
    return reference.partition(":")[2]
