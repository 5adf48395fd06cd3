"""Verifying: what is served held against a second count of what recognition exports.

It reads the export, waits until the projector has folded all of it, and compares. What differs
then may only have changed meanwhile, so that is compared again, exactly: read together with the
projector's offsets, and held against the export and the events of the log below those.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from services.leaderboard.filler import BOARD_TOPICS, refuse_unless_ours
from services.leaderboard.milestones.rules import load_rules
from services.leaderboard.progress import Progress, silent
from services.leaderboard.recount.entry import Entry
from services.leaderboard.repository import Generations
from services.leaderboard.verify.difference import Difference
from services.leaderboard.verify.lists import wrong_on_lists
from services.leaderboard.verify.milestones import wrong_milestones
from services.leaderboard.verify.receipts import wrong_receipts
from services.leaderboard.verify.series import wrong_in_series
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.sizes import wrong_sizes
from services.leaderboard.verify.truth import Truth
from shared.config import ConfigError, Settings
from shared.eventlog import EventLog
from shared.mongo import Client

PATIENCE_SECONDS = 60.0
"""How long the projector may fold nothing while there is something to fold."""

_MOST_KEPT = 10_000


@dataclass(slots=True)
class Verified:
    """What was compared, and the first `differences` of the `wrong` that there are."""

    recognitions: int = 0
    lists: int = 0
    series: int = 0
    milestones: int = 0
    sizes: int = 0
    wrong: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, differences: Iterable[Difference]) -> None:
        """Note what differs."""
        for difference in differences:
            self.wrong += 1
            if len(self.differences) < _MOST_KEPT:
                self.differences.append(difference)


class Verify:
    """Verifies the boards that are served under `settings`."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        log: EventLog,
        progress: Progress = silent,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._settings = settings
        self._client = client
        self._log = log
        self._progress = progress
        self._patience = patience_seconds
        self._db = client[settings.database("leaderboard")]
        self._generations = Generations(self._db)
        self._rules = load_rules(settings)

    def run(
        self, directory: Iterable[Mapping[str, Any]], recognitions: Iterable[Mapping[str, Any]]
    ) -> Verified:
        """Verify against two exports of the recognition service, which must be read only now:
        GET /exports/directory, and GET /exports.

        Raises ConfigError when it cannot be done: there are no boards, or of another time zone or
        format; a rebuild took their place meanwhile; the projector does not fold what the log
        holds. Also what pymongo and the log raise.
        """
        generation = self._generations.live()
        if generation is None:
            raise ConfigError("there are no boards yet: is the projector running?")
        refuse_unless_ours(generation, self._settings)
        ends = self._log.ends(BOARD_TOPICS)
        with closing(Truth(self._log, BOARD_TOPICS, ends, generation.zone)) as truth:
            served = Served(self._client, self._db, generation.id, truth, self._patience)
            self._read(truth, served, directory, recognitions)
            verified = Verified(recognitions=len(truth.recount.versions))
            served.wait_until_folded(self._log, self._progress)
            verified.add(_unreadable(truth))
            verified.add(_wrong_versions(served, truth))
            verified.add(_wrong_entries(served, truth))
            verified.sizes, wrong = wrong_sizes(served, truth)
            verified.add(wrong)
            verified.add(wrong_receipts(served, truth, self._progress))
            for compared, wrong in wrong_on_lists(served, truth, self._progress):
                verified.lists += compared
                verified.add(wrong)
            for compared, wrong in wrong_in_series(served, truth, self._progress):
                verified.series += compared
                verified.add(wrong)
            for compared, wrong in wrong_milestones(served, truth, self._rules, self._progress):
                verified.milestones += compared
                verified.add(wrong)
        now = self._generations.live()
        if now is None or now.id != generation.id:
            raise ConfigError("a rebuild took the place of these boards: verify again")
        return verified

    def _read(
        self,
        truth: Truth,
        served: Served,
        directory: Iterable[Mapping[str, Any]],
        recognitions: Iterable[Mapping[str, Any]],
    ) -> None:
        about = served.directory.estimated_document_count()
        for entry in directory:
            truth.put_entry(entry)
            self._progress("directory", 1, about)
        about = served.contributions.estimated_document_count()
        for record in recognitions:
            truth.put(record)
            self._progress("recognitions", 1, about)


def _unreadable(truth: Truth) -> Iterator[Difference]:
    for identifier, error in truth.recount.unreadable.items():
        yield Difference("recognitions", identifier, "something to count", error)


def _wrong_versions(served: Served, truth: Truth) -> Iterator[Difference]:
    """Recognitions of which another version is folded than there must be."""
    folded = served.versions()
    known = truth.recount.versions
    suspects = {each for each in folded.keys() | known if folded.get(each) != known.get(each)}
    suspects -= truth.recount.unreadable.keys()
    for some, found in served.again(suspects, served.versions):
        for each in some:
            if found.get(each) != known.get(each):
                versions = (_version(known.get(each)), _version(found.get(each)))
                yield Difference("recognitions", each, *versions)


def _wrong_entries(served: Served, truth: Truth) -> Iterator[Difference]:
    """What differs in the replica of the directory."""
    stored = served.entries()
    known = truth.directory
    suspects = {each for each in stored.keys() | known if stored.get(each) != known.get(each)}
    for some, found in served.again(suspects, served.entries):
        for each in some:
            if found.get(each) != known.get(each):
                yield Difference("directory", each, *_told(known.get(each), found.get(each)))


def _version(number: int | None) -> str:
    return f"version {number}" if number else "none"


def _told(expected: Entry | None, stored: Entry | None) -> tuple[str, str]:
    if expected is None or stored is None:
        versions = [each.version if each else None for each in (expected, stored)]
        return _version(versions[0]), _version(versions[1])
    other = [name for name in Entry._fields if getattr(expected, name) != getattr(stored, name)]

    def told(entry: Entry) -> str:
        return ", ".join(f"{name} {getattr(entry, name)}" for name in other)

    return told(expected), told(stored)
