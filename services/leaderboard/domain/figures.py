"""What insights are counted from: lists, pairs and sums of one generation, without private
recognitions."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from services.leaderboard.domain.standings import Place


@dataclass(frozen=True, slots=True)
class PairTotals:
    """Of a period: in how many pairs somebody thanked somebody (`directed`), how many pairs of
    people thanked both ways (`mutual`), the credits that each giver gave to whom they thanked
    most, and all credits between people."""

    directed: int
    mutual: int
    to_most_thanked: int
    credits: int


class Figures(Protocol):
    """Reads what the projector counted. `period` is the id of a period."""

    def active_on(self, board: str, period: str) -> int:
        """How many people who are active today stand on a board of people, hidden ones too."""

    def scores(
        self, board: str, period: str, subjects: Iterable[str], by: str = "people"
    ) -> dict[str, int]:
        """The scores of those of `subjects` that stand on a board, whether they take a rank or
        not."""

    def histogram(
        self, board: str, period: str, by: str = "people", value: str | None = None
    ) -> Mapping[int, int]:
        """How many of those who take a rank have each score."""

    def flows_of(
        self, board: str, period: str, subjects: Iterable[str], value: str | None = None
    ) -> dict[str, int]:
        """The scores of some flows (`team:a>team:b`)."""

    def flows(
        self,
        board: str,
        period: str,
        after: Place | None,
        count: int,
        value: str | None = None,
    ) -> list[Place]:
        """Up to `count` flows that follow a place, the largest first."""

    def thanked_by(
        self, period: str, recipients: Collection[str]
    ) -> Mapping[str, Mapping[str, int]]:
        """Who thanked each of `recipients`, how often: {recipient: {giver: credits}}."""

    def pair_totals(self, period: str) -> PairTotals:
        """The pairs of the whole organisation."""

    def totals(self, scopes: Collection[str], period: str) -> Mapping[str, int]:
        """The sum of each additive metric over `scopes` (org, tree:x, person:x) in a period."""

    def values(self) -> Collection[str]:
        """The ids of the values that there are or were."""
