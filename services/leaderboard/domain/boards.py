"""Which boards there are, whom they rank, and how a list of one is named.

A list is one board of one period by one kind of subject: `received|2026-11|people|`. What stands
behind the last bar is the segment: empty for the whole organisation, the only one so far.
"""

BOARDS = {
    "received": "Thanks received: one credit for each recognition and distinct recipient.",
    "given": "Thanks given: one credit for each recognition and distinct recipient.",
}
"""What each board counts, by its name."""

SUBJECT_KINDS = {"people": "person", "teams": "team", "partners": "partner"}
"""Whom a board may rank, and the kind of their references."""

_SWITCHED_ON = {
    "people": ("people", "teams", "partners"),
    "teams": ("teams", "partners"),
    "off": (),
}


def ranked_by(switch: str) -> tuple[str, ...]:
    """Whom boards rank under KUDOS_BOARDS=`switch` (people, teams or off)."""
    return _SWITCHED_ON[switch]


def list_key(board: str, period: str, by: str, segment: str = "") -> str:
    """The name of a list."""
    return f"{board}|{period}|{by}|{segment}"


def by_of(name: str) -> str:
    """Whom a list ranks: a key of SUBJECT_KINDS."""
    return name.split("|")[2]
