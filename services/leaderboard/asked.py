"""What a request asks for: a list, at some moment and in some state."""

from dataclasses import dataclass
from typing import NamedTuple

from services.leaderboard.domain.boards import list_key
from services.leaderboard.domain.periods import Period
from services.leaderboard.repository import Generation


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for every board at some moment: what is served, and of when its directory is."""

    generation: Generation | None
    directory: int
    read_at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A list that somebody asked for."""

    moment: Moment
    board: str
    by: str
    period: Period

    @property
    def generation(self) -> str:
        """The id of the generation to read; empty before there is one."""
        return self.moment.generation.id if self.moment.generation else ""

    @property
    def name(self) -> str:
        """The name of the list."""
        return list_key(self.board, self.period.id, self.by)

    @property
    def name_before(self) -> str | None:
        """The name of the same list of the period before; None where there is none before."""
        before = self.period.before
        return list_key(self.board, before, self.by) if before else None


class State(NamedTuple):
    """A state of a list: as long as it is the same, so is every answer about it."""

    generation: str
    name: str
    revision: int
    directory: int
    revision_before: int = 0
    """That of the list of the period before: ranks are compared with it."""
