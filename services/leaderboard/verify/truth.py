"""What the boards must hold: an export of the recognition service, and what the log brought since.

As of any offsets of the projector, so that boards which move on meanwhile can be held to it.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.segments import View
from services.leaderboard.recount.entry import Entry
from services.leaderboard.recount.recounting import Board, Filter, Recount, scores_of
from services.leaderboard.repository.stored import Outgrown, Standing
from services.leaderboard.verify.difference import Difference, between
from shared import times
from shared.config import ConfigError
from shared.eventlog import EventLog, Offsets, Record
from shared.eventlog.port import Reader, position
from shared.events import DIRECTORY, Event

_AT_ONCE = 1000
_POLL_SECONDS = 0.2
_MALFORMED = (KeyError, TypeError, ValueError, OverflowError)


class Truth:
    """Recognitions and the directory as of the projector's offsets that `advance` is told.

    Fill it from an export that was asked for after `offsets` were the ends of `log`.
    """

    def __init__(
        self, log: EventLog, topics: Sequence[str], offsets: Offsets, zone: ZoneInfo
    ) -> None:
        self.recount = Recount(zone)
        self.directory: dict[str, Entry] = {}
        self._log, self._topics = log, topics
        self._reader: Reader | None = None
        self._read = dict(offsets)
        self._ahead: dict[str, deque[Record]] = {name: deque() for name in offsets}

    def put(self, record: Mapping[str, Any]) -> None:
        """Take a recognition as it was exported."""
        self.recount.put(record, record["attribution"], times.now())

    def put_entry(self, entry: Mapping[str, Any]) -> None:
        """Take an entry of the directory as it was exported."""
        held = self.directory.get(entry["ref"])
        if held is None or held.version < entry["version"]:
            self.directory[entry["ref"]] = Entry.of(entry)

    def advance(self, offsets: Offsets, patience_seconds: float) -> int:
        """Take over what the log holds below `offsets`; how many events that were.

        Raises ConfigError when the log does not come that far, and LogUnavailable.
        """
        deadline = time.monotonic() + patience_seconds
        reader = self._reader = self._reader or self._log.reader(self._topics, self._read)
        while any(self._read.get(name, 0) < end for name, end in offsets.items()):
            records = reader.poll(_AT_ONCE, _POLL_SECONDS)
            for record in records:
                name = position(record.topic, record.partition)
                self._ahead.setdefault(name, deque()).append(record)
                self._read[name] = record.offset + 1
            if not records:
                if time.monotonic() > deadline:
                    raise ConfigError("the event log ends before what the boards are folded to")
                time.sleep(_POLL_SECONDS)
        taken = 0
        for name, end in offsets.items():
            ahead = self._ahead.get(name, deque())
            while ahead and ahead[0].offset < end:
                self._take(ahead.popleft().event)
                taken += 1
        return taken

    def close(self) -> None:
        """Give back the reader."""
        if self._reader is not None:
            self._reader.close()

    def _take(self, event: Event | None) -> None:
        # What cannot be folded is set aside by the projector, too, and is then in no version.
        with suppress(*_MALFORMED):
            if event is None:
                return
            if event.topic != DIRECTORY:
                state, attribution = event.data["state"], event.data["attribution"]
                self.recount.put(
                    state, attribution, times.parse_rfc3339(event.data["change"]["at"])
                )
            elif event.data["state"].get("ref") == event.subject:  # not a value
                self.put_entry(event.data["state"])

    def differences(self, view: View, board: Board | None, found: Standing) -> list[Difference]:
        """What differs on a view from what `board`, counted anew, has there."""
        of = Filter(view.segment.team, view.segment.sub_teams, view.segment.value)
        entries = board.entries(of) if board else Counter[tuple[str, str]]()
        expected = scores_of(entries)
        wrong = list(between(expected, found.scores, 0))
        pairs = {f"{subject} by {who}": n for (subject, who), n in entries.items() if who}
        given = {f"{subject} by {who}": n for (subject, who), n in found.pairs.items()}
        wrong += between(pairs, given, 0)
        if found.outgrown is not None:
            wrong += self._beside(view, expected, entries, found.outgrown)
        return [Difference(view.name, *each, view=view) for each in wrong]

    def _beside(
        self,
        view: View,
        expected: Mapping[str, int],
        entries: Mapping[tuple[str, str], int],
        found: Outgrown,
    ) -> Iterator[tuple[str, int | str, int | str]]:
        """What differs of what is kept beside the scores of a list that outgrew its document."""
        ranks = {ref: self._rank_of(ref) for ref in expected}
        stored = {ref: str(rank) for ref, rank in found.ranks.items() if ref in ranks}
        yield from between(ranks, stored, "-")
        scores = Counter(expected[ref] for ref, rank in ranks.items() if rank == "ranked")
        yield from between(
            {f"(how many have {score})": number for score, number in scores.items()},
            {f"(how many have {score})": number for score, number in found.histogram.items()},
            0,
        )
        numbers = {"(hidden)": sum(rank == "hidden" for rank in ranks.values())}
        pairs = [pair for pair in entries if pair[1]]
        gave = {(who, subject) for subject, who in pairs}
        most: dict[str, int] = {}
        for subject, who in pairs:
            most[who] = max(most.get(who, 0), entries[subject, who])
        mutual = sum(pair[::-1] in gave for pair in gave) // 2 if view.by == "people" else 0
        numbers |= {"(pairs)": len(pairs), "(both ways)": mutual, "(most)": sum(most.values())}
        kept = found.pairs
        yield from between(
            numbers,
            {
                "(hidden)": found.hidden,
                "(pairs)": kept.directed,
                "(both ways)": kept.mutual,
                "(most)": kept.most,
            },
            0,
        )

    def _rank_of(self, ref: str) -> str:
        entry = self.directory.get(ref)
        return entry.rank if entry else "ranked"
