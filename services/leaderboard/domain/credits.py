"""What a contribution counts on every list: credits of thank-yous, and promises."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from services.leaderboard.domain.boards import BY_VALUE, FLOWS, TOOK_PART, TREES
from services.leaderboard.domain.contribution import Asked, Contribution, Side, Thanks, path_of
from services.leaderboard.domain.periods import KINDS, periods_of_day
from services.leaderboard.domain.segments import Cells, root_cell
from shared.references import id_of, kind_of

Credit = tuple[str, str, str]
"""(list, cell, entry): where it stands in the tree of lists (domain/segments.py)."""

Counts = Counter[Credit]

NOBODY = "-"
"""Stands in flows for people of neither a team nor a partner; no reference reads like that."""

WITH_VALUES = KINDS.index("month")
"""The first of the KINDS of periods that tell values apart."""

_Entry = tuple[str, str, str, str]
"""(board, by, path, entry)."""


def counts_of(contribution: Contribution | None) -> Counts:
    """What a contribution counts, by root of a period, cell and entry."""
    counts: Counts = Counter()
    for day, cells in counted_on(contribution):
        for place, period in enumerate(periods_of_day(day)):
            for cell, entries in cells[place >= WITH_VALUES].items():
                for entry, number in entries.items():
                    counts[period, cell, entry] += number
    for cell, entry in counted_once(contribution):
        counts["all", cell, entry] += 1
    return counts


def by_list(counts: Counts) -> dict[str, Cells]:
    """Counts by the roots that they are added to."""
    found: dict[str, Cells] = defaultdict(dict)
    for (name, cell, entry), number in counts.items():
        if number:
            found[name].setdefault(cell, {})[entry] = number
    return found


def days_of(contribution: Contribution | None) -> set[str]:
    """The days on which `counted_on` may count anything."""
    if contribution is None or contribution["private"]:
        return set()
    if contribution["kind"] == "please" and contribution["promise"]:
        return {contribution["day"], contribution["promise"]["day"]}
    return {contribution["day"]}


def counted_on(contribution: Contribution | None) -> Iterator[tuple[str, tuple[Cells, Cells]]]:
    """Each day on which a contribution counts, and what it counts in the periods of that day: in
    those too short to tell values apart, and in the others (from WITH_VALUES on).

    What is private counts on no board.
    """
    if contribution is None or contribution["private"]:
        return
    values = ",".join(sorted(contribution["values"]))
    if contribution["kind"] == "thank_you":
        yield contribution["day"], _cells(values, _of_thanks(contribution))
        return
    if contribution["promise"]:
        yield contribution["promise"]["day"], _cells(values, _of_promise(contribution))
    yield contribution["day"], _cells(values, _of_service(contribution))


def counted_once(contribution: Contribution | None) -> Iterator[tuple[str, str]]:
    """The cells and entries that a contribution counts in over all time alone."""
    if contribution and contribution["kind"] == "thank_you" and not contribution["private"]:
        for entry in _teams_thanking(contribution):
            yield root_cell("teams_thanking", "people", "", ""), entry


def _cells(values: str, entries: Iterator[_Entry]) -> tuple[Cells, Cells]:
    plain: Cells = {}
    valued: Cells = {}
    for board, by, path, entry in entries:
        for cells, kept in ((plain, ""), (valued, values if board in BY_VALUE else "")):
            held = cells.setdefault(root_cell(board, by, path, kept), {})
            held[entry] = held.get(entry, 0) + 1
    return plain, valued if values else plain


def _of_thanks(thanks: Thanks) -> Iterator[_Entry]:
    giver = thanks["giver"]
    path = _path(giver)
    for recipient in thanks["recipients"]:
        credited = list(_received_by(recipient, giver))
        for by, at, subject in credited:
            yield "received", by, at, subject
            yield "breadth", by, at, f"{subject}|{giver['ref']}"
        for by, at, subject in _stood_for(giver):
            yield "given", by, at, subject
        yield TOOK_PART, "people", "", giver["ref"]
        if kind_of(recipient["ref"]) == "person":
            yield TOOK_PART, "people", "", recipient["ref"]
        if credited:
            yield "flows", FLOWS, path, f"{_party(giver)}>{_party(recipient)}"


def _teams_thanking(thanks: Thanks) -> Iterator[str]:
    team = thanks["giver"]["team"]
    for recipient in thanks["recipients"]:
        if team is not None and kind_of(recipient["ref"]) == "person":
            yield f"{recipient['ref']}|{team}"


def _of_promise(asked: Asked) -> Iterator[_Entry]:
    promise = asked["promise"]
    assert promise is not None
    by = promise["by"]
    flow = f"{_party(by)}>{_party(asked['giver'])}"
    yield "flow_promised", FLOWS, _path(by), flow
    if promise["outcome"] != "open":
        yield f"flow_{promise['outcome']}", FLOWS, _path(by), flow
    if promise["moved"]:
        yield "flow_moved", FLOWS, _path(by), flow
    for kind, path, subject in _stood_for(by):
        yield "promised", kind, path, subject
        if promise["outcome"] == "kept":
            yield "promises_kept", kind, path, subject


def _of_service(asked: Asked) -> Iterator[_Entry]:
    """Whether the service level's times were met, on the day that it was asked."""
    word = asked["answered"] or asked["fulfilled"]
    by = word["by"] if word else None
    provider, path = (_party(by), _path(by)) if by else (NOBODY, "")
    flow = f"{provider}>{_party(asked['giver'])}"
    for what in ("responded", "fulfilled"):
        in_time = asked[f"{what}_in_time"]  # type: ignore[literal-required]
        if in_time is not None:
            yield f"flow_{what}_{'in_time' if in_time else 'late'}", FLOWS, path, flow


def _received_by(recipient: Side, giver: Side) -> Iterator[tuple[str, str, str]]:
    """Whom a thank-you to `recipient` credits, as (by, path, subject): a person, with whom they
    stood for; or a team or partner itself, unless it is the giver's own (DESIGN section 7;
    docs/adr/0011)."""
    match kind_of(recipient["ref"]):
        case "team" if recipient["ref"] != giver["team"]:
            yield from _teams(recipient)
        case "partner" if recipient["ref"] != giver["partner"]:
            yield "partners", "", recipient["ref"]
        case "person":
            yield from _stood_for(recipient)


def _stood_for(person: Side) -> Iterator[tuple[str, str, str]]:
    yield "people", _path(person), person["ref"]
    yield from _teams(person)
    if person["partner"] is not None:
        yield "partners", "", person["partner"]


def _teams(side: Side) -> Iterator[tuple[str, str, str]]:
    """The team, and each of the teams above it with what is below."""
    teams = path_of(side)
    for above, team in enumerate(teams):
        path = ",".join(map(id_of, teams[above:]))
        if above == 0:
            yield "teams", path, team
        yield TREES, path, team


def _path(side: Side) -> str:
    return ",".join(map(id_of, path_of(side)))


def _party(side: Side) -> str:
    return side["team"] or side["partner"] or NOBODY
