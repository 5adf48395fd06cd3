"""Follows the log into one generation: the projector into the live one, a rebuild into the next."""

import time
from collections.abc import Sequence
from datetime import timedelta

from pymongo.client_session import ClientSession

from services.leaderboard.batch import Part
from services.leaderboard.changes import Change
from services.leaderboard.folder import BATCH, Folder
from services.leaderboard.repository import FORMAT, Generation, Generations, MongoStore
from shared import times
from shared.config import ConfigError, Settings
from shared.eventlog import EventLog
from shared.eventlog.follower import Follower
from shared.events import DIRECTORY, RECOGNITION
from shared.mongo import Client, most_writes

GROUP = "leaderboard"
BOARD_TOPICS = (DIRECTORY, RECOGNITION)

_HEARTBEAT = timedelta(seconds=1)


def refuse_unless_ours(generation: Generation, settings: Settings) -> None:
    """Raise ConfigError when `generation` was made under another time zone or in another format:
    what it holds cannot be carried on with."""
    if generation.timezone != settings.timezone:
        raise ConfigError(
            f"the boards were counted in the time zone {generation.timezone}, and KUDOS_TIMEZONE "
            f"is {settings.timezone}: set it back, or run `kudos rebuild leaderboard`"
        )
    if generation.format != FORMAT:
        raise ConfigError(
            f"the boards are stored in format {generation.format}, and this release needs "
            f"{FORMAT}: run `kudos rebuild leaderboard`"
        )


class Filler:
    """Follows the log into `generation` and its `parts`, and notes up to when it holds
    everything."""

    def __init__(
        self,
        client: Client,
        log: EventLog,
        generations: Generations,
        generation: Generation,
        parts: Sequence[Part] = (),
    ) -> None:
        self.generation = generation
        self.as_of = generation.as_of
        self._generations = generations
        store = MongoStore(generations.database, generation.id)
        self._folder = Folder(store, generation.zone, parts, most_writes(client))
        self._started, self._is_noted = times.now(), False
        self._follower: Follower[Change] = Follower(
            log,
            client,
            generations.collection,
            GROUP,
            BOARD_TOPICS,
            self._folder.prepare,
            self._apply,
            max_records=BATCH,
            on_conflict=self._folder.forget,
            offsets_id=generation.id,
        )

    def step(self) -> int:
        """Fold the next batch; how many records it had. Raises what `Follower.step` does."""
        self._started, self._is_noted = times.now(), False
        folded = self._follower.step()
        self._folder.settle()
        if self.is_current() and not self._is_noted and self._heartbeat_is_due():
            self._generations.note_current(self.generation.id, self._started)
            self._is_noted = True
        if self._is_noted:
            self.as_of = self._started
        return folded

    def is_current(self) -> bool:
        """Whether the last step left nothing unread."""
        return self._follower.behind() == 0

    def close(self) -> None:
        """Give back what it holds."""
        self._follower.close()

    def _apply(self, changes: list[Change], session: ClientSession) -> None:
        started = time.perf_counter()
        writes = self._folder.apply(changes, session)
        seconds = time.perf_counter() - started
        self._follower.max_records = self._folder.fitting(len(changes), writes, seconds)
        if self.is_current():
            self._generations.note_current(self.generation.id, self._started, session)
            self._is_noted = True

    def _heartbeat_is_due(self) -> bool:
        return self.as_of is None or self._started - self.as_of >= _HEARTBEAT
