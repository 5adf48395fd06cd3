"""Milestones held against what was counted anew: whoever has reached one has it, and nobody has one
that was never in reach. Months of kept promises are looked at once, and what they were then cannot
be told from what they are now: of those, and of rules that are no more, only that they are what
they are named."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from services.leaderboard.domain.milestones import Levels, Rule
from services.leaderboard.progress import Progress
from services.leaderboard.recount.milestones import Scores, most_ever, scores_now
from services.leaderboard.verify.difference import Difference
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.truth import Truth
from shared.mongo import Document

T = TypeVar("T")

_AT_ONCE = 1000

_ERASED = "person:erased-"


def wrong_milestones(
    served: Served, truth: Truth, rules: Sequence[Rule], progress: Progress
) -> Iterator[tuple[int, list[Difference]]]:
    """Some milestones at a time: how many were compared, and what differs."""
    levels = [rule for rule in rules if isinstance(rule, Levels)]
    known = _Known(truth, levels)
    in_all = len(known.reached) + served.milestones.estimated()
    suspects: set[str] = set()
    for some in _chunks(known.reached):
        found = served.milestones.found(some)
        suspects |= {each for each in some if each not in found}
        yield len(some), []
        progress("milestones", len(some), in_all)
    for documents in _chunks(served.milestones.all()):
        suspects |= {each["_id"] for each in documents if known.wrong(each["_id"], each)}
        yield sum(each["_id"] not in known.reached for each in documents), []
        progress("milestones", len(documents), in_all)
    for wanted, stored in served.again(suspects, served.milestones.found):
        known = _Known(truth, levels)
        wrong = [known.wrong(each, stored.get(each)) for each in wanted]
        yield 0, [difference for difference in wrong if difference]


class _Known:
    """What is certain of milestones, as of the truth now."""

    def __init__(self, truth: Truth, levels: Sequence[Levels]) -> None:
        self._levels = {rule.id: rule for rule in levels}
        self._people = truth.directory
        self._ever: Scores = most_ever(truth.recount)
        self.reached: Mapping[str, int] = dict(self._reached(scores_now(truth.recount), levels))

    def _reached(self, scores: Scores, levels: Sequence[Levels]) -> Iterator[tuple[str, int]]:
        for (counts, ref), score in scores.items():
            # Who is not in the directory is being erased, or was.
            if (person := self._people.get(ref)) and person.rank != "away":
                for rule in levels:
                    if rule.counts == counts:
                        reached = (level for level in rule.levels if level <= score)
                        yield from ((f"{ref}|{rule.id}|{level}", score) for level in reached)

    def wrong(self, name: str, stored: Document | None) -> Difference | None:
        """What is wrong of the milestone `name`, if anything is."""
        score = self.reached.get(name)
        if stored is None:
            told = f"reached ({score})"
            return Difference("milestones", name, told, "none") if score is not None else None
        subject, level = stored["subject"], stored["level"]
        named = f"{subject}|{stored['rule']}|{stored['period'] or level}"
        if named != name:
            return Difference("milestones", name, name, named)
        if subject.startswith(_ERASED):
            return Difference("milestones", name, "none", f"level {level}")
        rule = self._levels.get(stored["rule"])
        if rule is None or stored["period"] is not None or subject not in self._people:
            return None
        most = self._ever.get((rule.counts, subject), 0)
        return Difference("milestones", name, f"at most {most}", level) if level > most else None


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, _AT_ONCE)):
        yield some
