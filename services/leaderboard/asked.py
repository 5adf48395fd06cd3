"""What a request asks for: a view of a board, at some moment and in some state."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from services.leaderboard.domain.boards import TREES
from services.leaderboard.domain.periods import Period
from services.leaderboard.domain.segments import Segment, View
from services.leaderboard.present import Moment
from services.leaderboard.repository.boards import Resolved


@dataclass(frozen=True, slots=True)
class Asked:
    """A board that somebody asked for: `segment` of it, by `by` (a key of SUBJECT_KINDS);
    `per_head`: teams by credits per head (domain/per_head.py)."""

    moment: Moment
    board: str
    by: str
    period: Period
    segment: Segment
    per_head: bool = False

    @property
    def generation(self) -> str:
        """The id of the generation to read; empty before there is one."""
        return self.moment.generation.id if self.moment.generation else ""

    @property
    def view(self) -> View:
        """What is shown."""
        return self._view(self.board, self.period.id)

    @property
    def views(self) -> list[View]:
        """What is shown, what its ranks are compared with (the same of the period before), and
        for promises kept the promises of which those are a part."""
        found = [self.view]
        if self.board == "promises_kept":
            found.append(self._view("promised", self.period.id))
        if self.period.before:
            found.append(self._view(self.board, self.period.before))
        return found

    @property
    def key(self) -> str:
        """The name of the view; what a cursor belongs to."""
        return f"{self.view.name} per head" if self.per_head else self.view.name

    def of(self, board: str) -> "Asked":
        """The same of another board."""
        return replace(self, board=board)

    def _view(self, board: str, period: str) -> View:
        is_rolled_up = self.by == "teams" and self.segment.sub_teams
        segment = self.segment
        if segment.sub_teams and not segment.team:
            segment = replace(segment, sub_teams=False)
        return View(board, period, TREES if is_rolled_up else self.by, segment)


class State(NamedTuple):
    """A state of a board: as long as it is the same, so is every answer about it.

    `held`: the lists that hold its `views`, with their revisions.
    """

    generation: str
    name: str
    directory: int
    held: tuple[Resolved, ...]
