"""The event log: what its two adapters (Kafka, and the log kept in MongoDB) promise alike.

A topic has partitions; a record has an offset in one, dense and ascending; records of one key
share a partition and keep their order. Whoever reads keeps its own offsets with its own data.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import ClassVar, Self

from shared.events import Event, MalformedEvent, decode, encode

RETENTION = timedelta(days=14)

TopicPartition = tuple[str, int]

Offsets = dict[str, int]
"""The next offset to read, by `topic/partition`."""


class LogUnavailable(Exception):
    """The log does not answer; nothing is lost, try again."""


class LogTruncated(Exception):
    """A stored offset is not in the log any more (or not yet): reading on would skip records."""

    def __init__(self, position: str, offset: int, start: int, end: int) -> None:
        super().__init__(
            f"{position}: the stored offset {offset} is not in the log, which holds {start} to "
            f"{end}; records may be missing. Run `kudos rebuild leaderboard`"
        )


class LogReplaced(LogTruncated):
    """The stored offsets were taken from another log: here they mean nothing."""

    def __init__(self, stored: str, present: str) -> None:
        Exception.__init__(
            self,
            f"the stored offsets are of the log {stored}, but this is {present}; records may be "
            "missing. Go back to that log, or run `kudos rebuild leaderboard`",
        )


@dataclass(frozen=True, slots=True)
class Message:
    """What is written to a topic."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """What is read from a topic. Its event is decoded when it is asked for, each time anew: who
    lets go of it before the next one keeps the garbage collector from looking at a whole batch."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes = field(repr=False)

    def decoded(self) -> Event:
        """Its event. Raises MalformedEvent when it holds none."""
        return decode(self.topic, self.headers, self.value)

    @property
    def event(self) -> Event | None:
        """Its event; None when it holds none."""
        try:
            return self.decoded()
        except MalformedEvent:
            return None

    @property
    def error(self) -> str | None:
        """Why it holds no event; None when it does."""
        try:
            self.decoded()
        except MalformedEvent as malformed:
            return str(malformed)
        return None


def position(topic: str, partition: int) -> str:
    """The key of a partition in Offsets."""
    return f"{topic}/{partition}"


def parse_position(text: str) -> TopicPartition:
    """The partition that a key of Offsets names."""
    topic, _, partition = text.rpartition("/")
    return topic, int(partition)


class Reader(ABC):
    """Reads every partition of some topics, from given offsets on."""

    @abstractmethod
    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """The next records, at most `max_records`, in order within each partition.

        Waits up to `timeout_seconds` for the first, or returns none at once (the adapter's
        choice). Raises LogTruncated and LogUnavailable.
        """

    @abstractmethod
    def lag(self) -> dict[str, int]:
        """Records not yet read, by topic, as of the last poll."""

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds."""


class EventLog(ABC):
    """An event log. One per process; safe to share between threads (its readers are not)."""

    trims_itself: ClassVar[bool] = False
    """Whether retention needs nobody to call `trim`."""

    @abstractmethod
    def write(self, messages: Sequence[Message]) -> None:
        """Append; durable on return, in order per key. Raises LogUnavailable: then some may be
        in the log, and all must be written again."""

    @abstractmethod
    def identity(self) -> str:
        """Which log this is: the same as long as its offsets go on."""

    @abstractmethod
    def ensure_topics(self, topics: Iterable[str]) -> None:
        """Create those that do not exist."""

    @abstractmethod
    def topics(self) -> set[str]:
        """The topics there are."""

    @abstractmethod
    def starts(self, topics: Iterable[str]) -> Offsets:
        """The offset of the first record of each partition (where it would be, when empty)."""

    @abstractmethod
    def ends(self, topics: Iterable[str]) -> Offsets:
        """The offset after the last record of each partition."""

    @abstractmethod
    def reader(self, topics: Iterable[str], offsets: Mapping[str, int]) -> Reader:
        """A reader from `offsets` on; partitions that they do not name from their start.

        Raises LogTruncated at once where it can tell, else on the first poll.
        """

    @abstractmethod
    def trim(self, before: datetime) -> int:
        """Forget what was appended before; from the front only. How many records went."""

    @abstractmethod
    def cut(self, offsets: Offsets) -> None:
        """Forget what stands before these offsets, each an end that some append had."""

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds."""

    def append(self, events: Sequence[Event]) -> None:
        """Append events; durable on return, in order per key. Raises LogUnavailable: then some
        may be in the log, and all must be appended again (readers go by versions)."""
        self.write([Message(event.topic, event.key, *encode(event)) for event in events])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
