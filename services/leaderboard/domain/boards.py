"""Which boards there are, whom they rank, and how a list of one is named.

A list is one board of one period by one kind of subject, whole or a segment of it
(domain/segments.py): `received|2026-11|people|T:core`.
"""

BOARDS = {
    "received": "Thanks received: one credit for each recognition and distinct recipient.",
    "given": "Thanks given: one credit for each recognition and distinct recipient.",
    "breadth": "Distinct people who thanked: each counts once, however often they did.",
    "promises_kept": "Promises kept, by the period of the time last promised; `promised` counts "
    "all of them, and `share` is the part that was kept.",
}
"""What each board counts, by its name."""

PAIRED = {"breadth", "teams_thanking"}
"""The boards that count who did it: their entries are `subject|who`, and the score of a subject is
how many there are."""

FLOWS = "flows"
"""By whom the boards of flows are: `team:a>team:b`, from one team or partner to another."""

BY_VALUE = {"received", "given", "breadth", "promised", "promises_kept", "flows"}
"""The boards that are asked for by value."""

TOOK_PART = "took_part"
"""The board of who gave or received anything: asked for whole, never by team or value."""

SUBJECT_KINDS = {"people": "person", "teams": "team", "partners": "partner"}
"""Whom a board may rank, and the kind of their references."""

TREES = "trees"
"""By teams, each with what its sub-teams are credited with."""

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
    """Whom a list ranks: a key of SUBJECT_KINDS, TREES or FLOWS."""
    return name.split("|")[2]


def is_paired(name: str) -> bool:
    """Whether a list counts distinct people or teams."""
    return name.partition("|")[0] in PAIRED


def is_of_people(name: str) -> bool:
    """Whether the subjects of a list are people."""
    return by_of(name) == "people"
