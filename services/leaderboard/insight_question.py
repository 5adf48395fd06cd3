"""What a request for an insight asks, and of what it is answered."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.leaderboard.domain.insights import Kind
from services.leaderboard.domain.periods import Period
from services.leaderboard.domain.segments import WHOLE, Segment
from services.leaderboard.figures import Figures
from services.leaderboard.trend_scopes import Scope
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.references import id_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for; None where it leaves something out."""

    scope: str
    period: str | None = None
    days: int | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request that may be answered: by whom, about which scope, from which figures."""

    caller: Caller
    scope: Scope
    kind: Kind
    figures: Figures
    period: Period
    zone: ZoneInfo
    today: str
    asked: Asked

    @property
    def sees_all(self) -> bool:
        """Whether the caller sees what is nobody else's to see."""
        return self.caller.has(scopes.INSIGHTS_READ)

    @property
    def segment(self) -> Segment:
        """What of the boards it is about: all, or a team with its sub-teams; a value."""
        if self.kind == "team":
            return Segment(id_of(self.scope.name), sub_teams=True, value=self.asked.value)
        return Segment(value=self.asked.value) if self.asked.value else WHOLE
