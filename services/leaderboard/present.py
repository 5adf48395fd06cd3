"""What holds at present for every answer of the leaderboard: the generation that is served, its
time zone, how fresh it is, of when the directory is."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from services.leaderboard.domain.periods import Period, PeriodError, current_period, parse_period
from services.leaderboard.freshness import freshness
from services.leaderboard.repository import BoardReader, Generation, Generations
from shared import times
from shared.config import Settings
from shared.mongo import Client
from shared.web.parsing import invalid

T = TypeVar("T")

_MOMENT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """What is served at some moment, and of when its directory is."""

    generation: Generation | None
    directory: int
    read_at: float
    _read: dict[str, Any] = field(default_factory=dict, compare=False)
    _locks: dict[str, threading.Lock] = field(default_factory=dict, compare=False)

    def is_over(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self.read_at > _MOMENT_SECONDS

    def once(self, name: str, read: Callable[[], T]) -> T:
        """What `read` gives: read once, for all who ask for `name` of this moment."""
        with self._locks.setdefault(name, threading.Lock()):
            if name not in self._read:
                self._read[name] = read()
            found: T = self._read[name]
            return found

    def replace(self, name: str, found: object) -> None:
        """Let `once` give what was read since."""
        self._read[name] = found


class Present:
    """The present of the leaderboard's database; `reader` reads its boards and directory."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        db = client[settings.database("leaderboard")]
        self.now = now
        self.reader = BoardReader(db)
        self._timezone = settings.timezone
        self._generations = Generations(db)
        self._moment: Moment | None = None
        self._lock = threading.Lock()

    def moment(self) -> Moment:
        """The present moment, at most _MOMENT_SECONDS old; ask for it before reading anything
        else, so that `as_of` never says more than what is read after it holds."""
        present = self._moment
        if present is None or present.is_over():
            with self._lock:  # one reads for all who wait
                present = self._moment
                if present is None or present.is_over():
                    read_at = time.monotonic()
                    generation = self._generations.live()
                    present = Moment(generation, self.reader.refresh(), read_at)
                    self._moment = present
        return present

    def zone(self, moment: Moment) -> ZoneInfo:
        """The time zone of the calendar."""
        return moment.generation.zone if moment.generation else ZoneInfo(self._timezone)

    def period(self, moment: Moment, text: str | None) -> Period:
        """The period that a request names; the current month when it names none.

        Raises Unprocessable for one that there is not.
        """
        zone = self.zone(moment)
        if text is None:
            return current_period("month", self.now(), zone)
        try:
            return parse_period(text, zone)
        except PeriodError as error:
            raise invalid({"period": [str(error)]}, "query") from None

    def running(self, moment: Moment, kind: str) -> Period:
        """The period of a kind that runs."""
        return current_period(kind, self.now(), self.zone(moment))

    def freshness(self, moment: Moment) -> dict[str, Any]:
        """`as_of` and `lag` of an answer of that moment."""
        return freshness(moment.generation.as_of if moment.generation else None, self.now())
