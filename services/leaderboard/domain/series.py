"""Series: what happened on which day, for the organisation, teams, people and partners.

A series is kept in cells, one for each day and one for each month, which hold additive numbers by
metric; a week is the sum of its days. How many different people took part does not add up: it is
counted for each day, week and month as it changes, from what each person did on which day
(docs/adr/0072).

Scopes: `org`, `team:x` (what people did in the name of just this team), `tree:x` (of it and the
teams below), `person:x`, `partner:x`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from services.leaderboard.domain.contribution import (
    Asked,
    Contribution,
    Promise,
    Side,
    Thanks,
    Word,
    path_of,
)
from services.leaderboard.domain.durations import pack, step_of, unpack
from services.leaderboard.domain.periods import periods_of_day
from shared.references import id_of, kind_of

ORG = "org"
COUNTS = ("given", "received", "asked", "promised", "kept", "late", "declined")
TIMES = ("answered", "fulfilled")
PARTICIPANTS = "participants"
PRIVATE = "private "
"""Before the metrics that private recognitions count in."""

Cell = dict[str, int]
"""{metric: number}. The metrics of times have their step behind them (`answered 37`), those of
private recognitions `private` before them; in a person's cells `as core,tech` is how often they
took part in the name of the team core, which is below tech."""

Increments = Counter[tuple[str, str, str]]
"""What to add, by (scope, day, metric)."""

PackedCell = dict[str, int | bytes]
"""A cell as it is stored: the metrics of times as one packed histogram each."""

_AS = "as "
_TIMED = frozenset(f"{kind}{name}" for kind in ("", PRIVATE) for name in TIMES)


def increments_of(contribution: Contribution | None) -> Increments:
    """What a contribution adds to the series.

    Given counts at the giver's side, received at the recipients', asked at the asker's, promised,
    kept and late at the promiser's on the day that was last promised for; declined, answered and
    fulfilled at the provider's on the day that it was.
    """
    increments: Increments = Counter()
    if contribution is not None:
        private = contribution["private"]
        entries = (
            _of_thanks(contribution)
            if contribution["kind"] == "thank_you"
            else _of_asked(contribution)
        )
        for scopes, day, metric in entries:
            if private and metric.startswith(_AS):
                continue
            for scope in scopes:
                increments[scope, day, f"{PRIVATE}{metric}" if private else metric] += 1
    return increments


def places_of(contribution: Contribution | None) -> set[str]:
    """The places of everybody in whose figures a contribution counts."""
    if contribution is None:
        return set()
    sides: list[Side | None] = [contribution["giver"]]
    if contribution["kind"] == "thank_you":
        sides += contribution["recipients"]
    else:
        words = [contribution["declined"], contribution["answered"], contribution["fulfilled"]]
        sides += [word["by"] for word in words if word]
        sides += [contribution["promise"]["by"]] if contribution["promise"] else []
    return {place_of(path_of(side), side["partner"]) if side else "" for side in sides}


def place_of(path: Sequence[str], partner: str | None = None) -> str:
    """For whom somebody stood: the team and those above it, nearest first, or the partner."""
    teams = ",".join(map(id_of, path))
    return f"{teams}@{id_of(partner)}" if partner else teams


def packed(cell: Cell) -> PackedCell:
    """A cell as it is stored."""
    found: PackedCell = {}
    histograms: dict[str, dict[int, int]] = {}
    for metric, number in cell.items():
        name, _, step = metric.rpartition(" ")
        if name in _TIMED:
            histograms.setdefault(name, {})[int(step)] = number
        else:
            found[metric] = number
    return found | {name: pack(histogram) for name, histogram in histograms.items()}


def unpacked(cell: Mapping[str, int | bytes]) -> Cell:
    """A cell from what `packed` made of it."""
    found: Cell = {}
    for metric, value in cell.items():
        if isinstance(value, bytes):
            found |= {f"{metric} {step}": number for step, number in unpack(value).items()}
        else:
            found[metric] = value
    return found


def groups_of(place: str) -> tuple[str, ...]:
    """The scopes, besides their own, that somebody takes part in at `place` (`as ...`)."""
    return _groups_of(place.removeprefix(_AS))


def places_in(cell: Mapping[str, object]) -> set[str]:
    """The places (`as ...`) at which a person took part, by their cell."""
    return {metric for metric in cell if metric.startswith(_AS)}


def week_of(day: str) -> list[str]:
    """The seven days of the ISO week that holds `day`."""
    monday = date.fromisoformat(day)
    monday -= timedelta(days=monday.weekday())
    return [(monday + timedelta(days=number)).isoformat() for number in range(7)]


def month_of(day: str) -> list[str]:
    """The days of the month that holds `day`."""
    first = date.fromisoformat(day).replace(day=1)
    days = ((first + timedelta(days=31)).replace(day=1) - first).days
    return [(first + timedelta(days=number)).isoformat() for number in range(days)]


def units_of(day: str) -> tuple[tuple[str, list[str]], ...]:
    """The day, the week and the month of `day`: the id of each, and its days."""
    _, week, month, *_ = periods_of_day(day)
    return (day, [day]), (week, week_of(day)), (month, month_of(day))


def _of_thanks(thanks: Thanks) -> Iterator[tuple[tuple[str, ...], str, str]]:
    giver, day = thanks["giver"], thanks["day"]
    for recipient in thanks["recipients"]:
        yield _scopes_of(giver), day, "given"
        yield from _took_part(giver, day)
        if _gets_credit(recipient, giver):
            yield _scopes_of(recipient), day, "received"
        yield from _took_part(recipient, day)


def _of_asked(asked: Asked) -> Iterator[tuple[tuple[str, ...], str, str]]:
    yield _scopes_of(asked["giver"]), asked["day"], "asked"
    yield from _took_part(asked["giver"], asked["day"])
    if asked["promise"]:
        yield from _of_promise(asked["promise"])
    if asked["declined"]:
        yield _scopes_of(asked["declined"]["by"]), asked["declined"]["day"], "declined"
    if asked["answered"]:
        yield _time("answered", asked["answered"])
    if asked["fulfilled"]:
        yield _time("fulfilled", asked["fulfilled"])


def _of_promise(promise: Promise) -> Iterator[tuple[tuple[str, ...], str, str]]:
    scopes, day = _scopes_of(promise["by"]), promise["day"]
    yield scopes, day, "promised"
    if promise["outcome"] != "open":
        yield scopes, day, promise["outcome"]
    yield from _took_part(promise["by"], day)


def _time(metric: str, word: Word) -> tuple[tuple[str, ...], str, str]:
    return _scopes_of(word["by"]), word["day"], f"{metric} {step_of(word['seconds'])}"


def _took_part(side: Side, day: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if kind_of(side["ref"]) == "person":
        yield (side["ref"],), day, _AS + place_of(path_of(side), side["partner"])


def _gets_credit(recipient: Side, giver: Side) -> bool:
    """A thank-you to the giver's own team or partner is told, and credits nobody (DESIGN 7)."""
    return recipient["ref"] not in (giver["team"], giver["partner"])


def _scopes_of(side: Side | None) -> tuple[str, ...]:
    """Every scope that something counts in that is done by, or comes to, `side`; of what nobody
    in particular did, the organisation alone."""
    if side is None:
        return (ORG,)
    groups = _groups_of(place_of(path_of(side), side["partner"]))
    return (side["ref"], *groups) if kind_of(side["ref"]) == "person" else groups


@lru_cache(maxsize=4096)
def _groups_of(place: str) -> tuple[str, ...]:
    path, _, partner = place.partition("@")
    teams = path.split(",") if path else []
    groups = [ORG, *(f"team:{team}" for team in teams[:1])]
    groups += [f"tree:{team}" for team in dict.fromkeys(teams)]
    return (*groups, f"partner:{partner}") if partner else tuple(groups)
