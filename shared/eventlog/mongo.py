"""The log kept in MongoDB, for a suite without Kafka: a database of its own, `{namespace}_log`.

log     {"_id": "identity", "id"}
heads   {"_id": "topic/partition", "topic", "partition", "start", "next"}
blocks  {"partition": "topic/partition", "first", "last", "at", "records": [{"key", "headers",
        "value"}]}: what one append brought to one partition, in blocks.

An append is one transaction: it moves the heads, then writes the blocks at those offsets. So
offsets are dense and become visible in order; a reader reads the heads first, then up to them,
and a hole stops it. See docs/adr/0040-event-log.md.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared import nudges, times
from shared.eventlog.port import (
    EventLog,
    LogTruncated,
    LogUnavailable,
    Message,
    Offsets,
    Reader,
    Record,
    parse_position,
    position,
)
from shared.events import ACCESS
from shared.ids import new_id
from shared.mongo import Client, Document, in_transaction
from shared.nudges import Nudges

PARTITIONS = 4

_BLOCK_RECORDS = 200
_BLOCK_BYTES = 2 * 1024 * 1024


class MongoEventLog(EventLog):
    """The log in the database `database` of `client`."""

    def __init__(self, client: Client, database: str, sender: Nudges | None = None) -> None:
        self._client = client
        self._nudges = sender or Nudges(None)
        self._log = client[database]["log"]
        self._heads = client[database]["heads"]
        self._blocks = client[database]["blocks"]
        self._known: set[str] = set()

    def write(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        topics = {message.topic for message in messages}
        batches: dict[str, list[Message]] = {}
        for message in messages:
            partition = zlib.crc32(message.key.encode()) % PARTITIONS
            batches.setdefault(position(message.topic, partition), []).append(message)
        try:
            self.ensure_topics(topics)
            in_transaction(self._client, partial(self._append, batches))
        except PyMongoError as error:
            raise LogUnavailable(f"cannot append: {error}") from error
        for channel in {nudges.ACCESS if topic == ACCESS else nudges.LOG for topic in topics}:
            self._nudges.send(channel)

    def _append(self, batches: Mapping[str, list[Message]], session: ClientSession) -> None:
        names = sorted(batches)  # so that two who append meet at the first that they share
        moves = [UpdateOne({"_id": name}, {"$inc": {"next": len(batches[name])}}) for name in names]
        self._heads.bulk_write(moves, session=session)
        ends = {
            head["_id"]: head["next"]
            for head in self._heads.find({"_id": {"$in": names}}, session=session)
        }
        blocks: list[Document] = []
        for name, batch in batches.items():
            assert name in ends, f"{name} has no head"
            blocks += _blocks(name, ends[name] - len(batch), batch)
        self._blocks.insert_many(blocks, session=session)

    def identity(self) -> str:
        while (found := self._log.find_one({"_id": "identity"})) is None:
            with suppress(DuplicateKeyError):  # another process was first
                self._log.insert_one({"_id": "identity", "id": f"mongo:{new_id()}"})
        return str(found["id"])

    def ensure_topics(self, topics: Iterable[str]) -> None:
        unknown = set(topics) - self._known
        if not unknown:
            return
        self._blocks.create_index([("partition", 1), ("first", 1)], unique=True)
        existing = {head["_id"] for head in self._heads.find({}, {"_id": 1})}
        for topic in unknown:
            for partition in range(PARTITIONS):
                name = position(topic, partition)
                if name not in existing:
                    self._create(name, topic, partition)
        self._known |= unknown

    def _create(self, name: str, topic: str, partition: int) -> None:
        head = {"_id": name, "topic": topic, "partition": partition, "start": 0, "next": 0}
        try:
            self._heads.insert_one(head)
        except DuplicateKeyError:
            return  # another process was first

    def topics(self) -> set[str]:
        return {head["topic"] for head in self._heads.find({}, {"topic": 1})}

    def starts(self, topics: Iterable[str]) -> Offsets:
        return {head["_id"]: head["start"] for head in self._read_heads(topics)}

    def ends(self, topics: Iterable[str]) -> Offsets:
        return {head["_id"]: head["next"] for head in self._read_heads(topics)}

    def _read_heads(self, topics: Iterable[str]) -> list[Document]:
        topics = list(topics)
        try:
            self.ensure_topics(topics)
            return list(self._heads.find({"_id": {"$in": _positions(topics)}}))
        except PyMongoError as error:
            raise LogUnavailable(f"cannot read the heads: {error}") from error

    def reader(self, topics: Iterable[str], offsets: Mapping[str, int]) -> "MongoReader":
        return MongoReader(self, {**self.starts(topics), **offsets})

    def read_heads(self, names: list[str]) -> list[Document]:
        """The heads of some partitions; one query."""
        return list(self._heads.find({"_id": {"$in": names}}))

    def read_blocks(self, name: str, first: int, end: int, *, aligned: bool) -> Iterator[Document]:
        """The blocks of a partition that begin from `first` up to `end`, in order.

        Not `aligned`: the block that holds `first` too, which may begin before it.
        """
        lowest = first if aligned else first - _BLOCK_RECORDS + 1
        range_ = {"partition": name, "first": {"$gte": lowest, "$lt": end}}
        return self._blocks.find(range_).sort("first", 1)

    def trim(self, before: datetime) -> int:
        return sum(self._trim(head["_id"], before) for head in self._heads.find({}))

    def _trim(self, name: str, before: datetime) -> int:
        removed = 0
        while count := in_transaction(
            self._client, lambda session: self._trim_some(name, before, session)
        ):
            removed += count
        return removed

    def _trim_some(self, name: str, before: datetime, session: ClientSession) -> int:
        head = self._heads.find_one({"_id": name}, session=session)
        assert head is not None, f"{name} has no head"
        end = min(head["start"] + 10 * _BLOCK_RECORDS, head["next"])
        range_ = {"partition": name, "first": {"$gte": head["start"], "$lt": end}}
        start = head["start"]
        for block in self._blocks.find(range_, {"last": 1, "at": 1}, session=session).sort("first"):
            if block["at"] >= before:
                break
            start = block["last"] + 1
        if start == head["start"]:
            return 0
        self._heads.update_one({"_id": name}, {"$set": {"start": start}}, session=session)
        gone = {"partition": name, "first": {"$gte": head["start"], "$lt": start}}
        self._blocks.delete_many(gone, session=session)
        return int(start - head["start"])

    def cut(self, offsets: Offsets) -> None:
        for name, offset in offsets.items():
            in_transaction(self._client, partial(self._cut, name, offset))

    def _cut(self, name: str, offset: int, session: ClientSession) -> None:
        beyond = {"_id": name, "start": {"$lt": offset}, "next": {"$gte": offset}}
        moved = self._heads.update_one(beyond, {"$set": {"start": offset}}, session=session)
        if moved.matched_count:
            gone = {"partition": name, "first": {"$lt": offset}}
            self._blocks.delete_many(gone, session=session)

    def close(self) -> None:
        """The client is its owner's to close."""


class MongoReader(Reader):
    """Reads whole blocks; what a poll has no room for is held for the next one."""

    def __init__(self, log: MongoEventLog, offsets: Offsets) -> None:
        self._log = log
        self._next = offsets
        self._held: dict[str, list[Record]] = {name: [] for name in offsets}
        self._aligned: set[str] = set()
        self._lag = dict.fromkeys((parse_position(name)[0] for name in offsets), 0)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        del timeout_seconds  # it returns at once: whoever polls waits
        records: list[Record] = []
        try:
            behind = self._behind()
            for index, (name, end) in enumerate(behind):
                room = (max_records - len(records)) // (len(behind) - index)
                records += self._take(name, end, room)
        except PyMongoError as error:
            raise LogUnavailable(f"cannot read: {error}") from error
        for record in records:
            self._lag[record.topic] -= 1
        return records

    def _behind(self) -> list[tuple[str, int]]:
        """The partitions that have news, the one with the fewest first, and where each ends."""
        self._lag = dict.fromkeys(self._lag, 0)
        behind = []
        for head in self._log.read_heads(list(self._next)):
            name, offset = head["_id"], self._next[head["_id"]]
            if not head["start"] <= offset <= head["next"]:
                raise LogTruncated(name, offset, head["start"], head["next"])
            self._lag[head["topic"]] += head["next"] - offset
            if offset < head["next"]:
                behind.append((name, head["next"]))
        return sorted(behind, key=lambda news: news[1] - self._next[news[0]])

    def _take(self, name: str, end: int, room: int) -> list[Record]:
        held = self._held[name]
        if len(held) < room:
            held += self._read(name, self._next[name] + len(held), end, room - len(held))
        self._held[name] = held[room:]
        self._next[name] += len(held[:room])
        return held[:room]

    def _read(self, name: str, first: int, end: int, wanted: int) -> list[Record]:
        topic, partition = parse_position(name)
        records: list[Record] = []
        aligned = name in self._aligned
        for block in self._log.read_blocks(name, first, min(end, first + wanted), aligned=aligned):
            if block["first"] > first + len(records):
                return records  # a hole (just trimmed): wait for the next poll, never skip
            for offset, entry in enumerate(block["records"], block["first"]):
                if offset == first + len(records):
                    key, headers, value = entry["key"], entry["headers"], entry["value"]
                    records.append(Record(topic, partition, offset, key, headers, value))
        self._aligned.add(name)
        return records

    def lag(self) -> dict[str, int]:
        return dict(self._lag)

    def close(self) -> None:
        """It holds nothing that outlives it."""


def _positions(topics: Iterable[str]) -> list[str]:
    return [position(topic, partition) for topic in topics for partition in range(PARTITIONS)]


def _blocks(name: str, first: int, batch: list[Message]) -> Iterator[dict[str, Any]]:
    """The messages in blocks of at most _BLOCK_RECORDS and, but for one, _BLOCK_BYTES."""
    at = times.now()
    for _, group in groupby(zip(_numbers(batch), batch, strict=True), lambda pair: pair[0]):
        records = [
            {"key": message.key, "headers": message.headers, "value": message.value}
            for _, message in group
        ]
        last = first + len(records) - 1
        yield {"partition": name, "first": first, "last": last, "at": at, "records": records}
        first = last + 1


def _numbers(batch: list[Message]) -> Iterator[int]:
    """For each message, the number of the block that it goes to."""
    block = count = size = 0
    for message in batch:
        if count and (count == _BLOCK_RECORDS or size + len(message.value) > _BLOCK_BYTES):
            block, count, size = block + 1, 0, 0
        count, size = count + 1, size + len(message.value)
        yield block
