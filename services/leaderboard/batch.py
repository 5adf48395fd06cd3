"""A batch of changes as it is folded, and what is folded of it beside the boards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pymongo.client_session import ClientSession

from services.leaderboard.domain.contribution import Contribution
from services.leaderboard.domain.folding import Fold
from services.leaderboard.loading import Loaded

Pair = tuple[Contribution | None, Contribution | None]
"""What a recognition contributed before, and what it contributes now."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch brings: `pairs` of its recognitions, and lists before (`loaded`) and after
    (`fold`)."""

    pairs: Sequence[Pair]
    loaded: Loaded
    fold: Fold


class Part(Protocol):
    """What is folded beside the boards, in the same transaction."""

    def apply(self, batch: Batch, session: ClientSession) -> int:
        """Write what a batch brings; how many documents."""

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""

    def forget(self) -> None:
        """Drop whatever is remembered."""
