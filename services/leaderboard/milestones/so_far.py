"""Scores of all time while a rebuild goes on, in memory: it counts the lists of them at the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from services.leaderboard.batch import Batch
from services.leaderboard.domain.milestones import Levels, Rule, Score, gained

_TEAMS = "teams_thanking"


class SoFar:
    """The scores of everybody of whom something was counted. Of teams that thanked somebody it
    keeps no more than the highest level asks for; and it forgets none, whatever is taken back."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        levels = [rule for rule in rules if isinstance(rule, Levels) and rule.counts == _TEAMS]
        self._most_teams = max((max(rule.levels) for rule in levels), default=0)
        self._scores: Counter[Score] = Counter()
        self._teams: dict[str, set[str]] = defaultdict(set)
        self._gained: Counter[Score] = Counter()
        self._new_teams: dict[str, set[str]] = {}

    def changed(self, batch: Batch) -> dict[Score, tuple[int, int]]:
        """See Scores."""
        self._gained, thanking = gained(batch.pairs)
        new_teams: dict[str, set[str]] = defaultdict(set)
        for person, team in thanking:
            if len(self._teams[person]) < self._most_teams and team not in self._teams[person]:
                new_teams[person].add(team)
        self._new_teams = new_teams
        changes = {
            score: (self._scores[score], self._scores[score] + number)
            for score, number in self._gained.items()
            if number
        }
        for person, teams in new_teams.items():
            before = len(self._teams[person])
            changes[_TEAMS, person] = (before, before + len(teams))
        return changes

    def settle(self) -> None:
        """See Scores."""
        self._scores.update(self._gained)
        for person, teams in self._new_teams.items():
            self._teams[person] |= teams
        self._gained, self._new_teams = Counter(), {}
