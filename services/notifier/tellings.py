"""An event with whom it is told to: what inboxes and messages are made of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.notifier.domain.audience import Told
from services.notifier.domain.flurries import is_amended, is_taken_back
from services.notifier.domain.identity import flurry_key

if TYPE_CHECKING:
    from services.notifier.fanning import RecognitionChange


@dataclass(frozen=True, slots=True)
class Telling:
    """An event with whom it is told to, and as what."""

    event: "RecognitionChange"
    type: str
    """As which it is told."""
    people: Told
    mark: str | None
    """Of a comment or a reaction (domain/flurries.py)."""

    @property
    def is_taken_back(self) -> bool:
        """Whether it takes back what has its mark."""
        return is_taken_back(self.event.type, self.event.change)

    @property
    def is_undoing(self) -> bool:
        """Whether it changes what was told before, and is no news itself."""
        return self.is_taken_back or is_amended(self.event.type)

    def folds(self, person: str, channel: str) -> str:
        """What it is folded by."""
        return flurry_key(self.event.recognition_id, person, channel)
