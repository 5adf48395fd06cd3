"""Milestones: what people reach by thanks and kept promises, each once and for ever.

Private recognitions count for none. What is reached stays reached, whatever is taken back later
(docs/adr/0074-milestones.md).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from services.leaderboard.domain.contribution import Contribution, Thanks
from services.leaderboard.domain.ranking import takes_rank
from shared.references import kind_of

Pair = tuple[Contribution | None, Contribution | None]
"""What a recognition contributed before, and what it contributes now."""

Score = tuple[str, str]
"""(what is counted, whose): ("received", "person:ada")."""

COUNTS = ("received", "given", "teams_thanking")
"""What levels may be set for, over all time: thanks received and given (credits, as the boards
count them), and the distinct teams whose people thanked somebody."""

KEPT_MONTHS = "kept_months"
"""Counts calendar months in which every promise was kept."""

_ERASED = "person:erased-"
"""How ids begin that stand for people who were erased (docs/erasure.md)."""


@dataclass(frozen=True, slots=True)
class Levels:
    """A rule: each of `levels` is a milestone of whoever's score in `counts` reaches it.

    `titles` are those of single levels, `title` that of the others; `{level}` stands in it for
    the level.
    """

    id: str
    counts: str
    levels: tuple[int, ...]
    title: str
    titles: Mapping[int, str] = field(default_factory=dict)

    def title_of(self, level: int) -> str:
        """How a level is called."""
        return self.titles.get(level, self.title).replace("{level}", str(level))


@dataclass(frozen=True, slots=True)
class KeptMonth:
    """A rule: each calendar month that is over is a milestone of whoever kept every promise that
    was due in it, `at_least` so many. `{month}` stands in `title` for its id."""

    id: str
    at_least: int
    title: str


Rule = Levels | KeptMonth


@dataclass(frozen=True, slots=True)
class Reached:
    """That somebody reached a milestone on a day; `period` is the month, of a month's promises.
    `is_quiet`: by what nobody is to be told of."""

    subject: str
    rule: str
    level: int
    period: str | None
    title: str
    day: str
    is_quiet: bool

    @property
    def id(self) -> str:
        """What is recorded once: subject, rule and level (or month)."""
        return f"{self.subject}|{self.rule}|{self.period or self.level}"


class Gain(NamedTuple):
    """What one recognition of a batch added to a score, at most."""

    is_quiet: bool
    day: str
    amount: int


def scores_touched(pairs: Iterable[Pair]) -> set[Score]:
    """The scores of people that the contributions of a batch may change."""
    people: set[str] = set()
    givers: set[str] = set()
    for pair in pairs:
        for contribution in pair:
            if (thanks := _public_thanks(contribution)) is not None:
                givers.add(thanks["giver"]["ref"])
                people.update(recipient["ref"] for recipient in thanks["recipients"])
    recipients = [ref for ref in people if kind_of(ref) == "person"]
    touched = {("given", ref) for ref in givers}
    touched |= {("received", ref) for ref in recipients}
    return touched | {("teams_thanking", ref) for ref in recipients}


def gained(pairs: Iterable[Pair]) -> tuple[Counter[Score], set[tuple[str, str]]]:
    """What a batch adds to what was received and given, and who was thanked by people of which
    team."""
    scores: Counter[Score] = Counter()
    thanking: set[tuple[str, str]] = set()
    for old, new in pairs:
        scores.update(_counted(new))
        scores.subtract(_counted(old))
        thanking |= _teams_thanking(new)
    return scores, thanking


def crossed(
    rules: Iterable[Rule], changes: Mapping[Score, tuple[int, int]]
) -> list[tuple[Levels, str, int]]:
    """The rules, people and levels that `changes` (scores of all time before and after a batch)
    cross upwards."""
    by_count = defaultdict(list)
    for rule in rules:
        if isinstance(rule, Levels):
            by_count[rule.counts].append(rule)
    return [
        (rule, subject, level)
        for (counts, subject), (before, after) in changes.items()
        if before < after and kind_of(subject) == "person"
        for rule in by_count[counts]
        for level in rule.levels
        if before < level <= after
    ]


def reached(
    rules: Iterable[Rule], changes: Mapping[Score, tuple[int, int]], pairs: Sequence[Pair]
) -> list[Reached]:
    """The milestones that people reach by a batch: `changes` are scores before and after it,
    `pairs` the contributions that changed them.

    Quiet ones count as the first of their batch, so that a milestone is quiet only where quiet
    ones alone reach it.
    """
    crossings = crossed(rules, changes)
    gains = _gains({(rule.counts, subject) for rule, subject, _ in crossings}, pairs)
    found = []
    for rule, subject, level in crossings:
        score = (rule.counts, subject)
        cause = _cause(level, changes[score][1], gains[score])
        found.append(
            Reached(
                subject,
                rule.id,
                level,
                None,
                rule.title_of(level),
                cause.day,
                cause.is_quiet,
            )
        )
    return found


def reached_in_month(
    rules: Iterable[Rule],
    month: str,
    last_day: str,
    promised: Iterable[tuple[str, int]],
    kept: Mapping[str, int],
) -> Iterator[Reached]:
    """The milestones of a month that is over, by how many promises of each person were due in it
    and how many of those were kept."""
    of_months = [rule for rule in rules if isinstance(rule, KeptMonth)]
    for subject, number in promised:
        if kind_of(subject) != "person" or kept.get(subject, 0) != number:
            continue
        for rule in of_months:
            if number >= rule.at_least:
                title = rule.title.replace("{month}", month)
                yield Reached(subject, rule.id, number, month, title, last_day, is_quiet=False)


Standing = Literal["announced", "recorded"]


def standing_of(subject: str, entry: Mapping[str, Any] | None) -> Standing | None:
    """What becomes of somebody's milestones, by their `entry` of the directory (None: not known
    yet): technical accounts, people who left or were erased have none; those of people who are
    hidden from boards are recorded, and nobody is told."""
    if subject.startswith(_ERASED):
        return None
    if takes_rank(entry):
        return "announced"
    assert entry is not None
    return "recorded" if entry["active"] and not entry.get("technical") else None


def _gains(wanted: set[Score], pairs: Sequence[Pair]) -> dict[Score, list[Gain]]:
    """What the batch added to some scores, at most: quiet ones first, each by day."""
    gains: dict[Score, list[Gain]] = {score: [] for score in wanted}
    if not wanted:
        return gains
    thanking: set[tuple[str, str]] = set()
    quiet_first = sorted(
        ((old, new) for old, new in pairs if new is not None),
        key=lambda pair: (not pair[1]["quiet"], pair[1]["day"]),
    )
    for old, new in quiet_first:
        before, after = _counted(old), _counted(new)
        for score in wanted & after.keys():
            if after[score] > before[score]:
                gains[score].append(Gain(new["quiet"], new["day"], after[score] - before[score]))
        for subject, team in _teams_thanking(new) - _teams_thanking(old) - thanking:
            thanking.add((subject, team))
            score = ("teams_thanking", subject)
            if score in wanted:
                gains[score].append(Gain(new["quiet"], new["day"], 1))
    return gains


def _cause(level: int, after: int, gains: Sequence[Gain]) -> Gain:
    """The gain that reached `level`, the last of which led to the score `after`.

    From the end, since a team that thanks again may be among the gains: so it is rather told once
    too often than not at all.
    """
    remaining = after
    for gain in reversed(gains):
        remaining -= gain.amount
        if remaining < level:
            return gain
    raise ValueError(f"{level} is reached by nothing of the batch: {gains} up to {after}")


def _counted(contribution: Contribution | None) -> Counter[Score]:
    counted: Counter[Score] = Counter()
    if (thanks := _public_thanks(contribution)) is not None:
        counted["given", thanks["giver"]["ref"]] += len(thanks["recipients"])
        for recipient in thanks["recipients"]:
            counted["received", recipient["ref"]] += 1
    return counted


def _teams_thanking(contribution: Contribution | None) -> set[tuple[str, str]]:
    thanks = _public_thanks(contribution)
    team = thanks["giver"]["team"] if thanks else None
    if thanks is None or team is None:
        return set()
    return {(recipient["ref"], team) for recipient in thanks["recipients"]}


def _public_thanks(contribution: Contribution | None) -> Thanks | None:
    if contribution is None or contribution["private"] or contribution["kind"] != "thank_you":
        return None
    return contribution
