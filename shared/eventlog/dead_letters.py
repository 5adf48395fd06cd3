"""Dead letters: records that a group can never fold, set aside in `<topic>.<group>.dlq`.

A dead letter is the record as it was, with headers that say why and where it stood. To replay
one appends it to its topic again and marks it here; such a topic is only ever appended to.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.eventlog.port import EventLog, LogUnavailable, Message, Record, parse_position, position
from shared.events import dead_letter_topic

_ERROR = "kudos_error"
_GROUP = "kudos_group"
_TOPIC = "kudos_topic"
_PARTITION = "kudos_partition"
_OFFSET = "kudos_offset"
_REPLAYED = "kudos_replayed"
_OURS = {_ERROR, _GROUP, _TOPIC, _PARTITION, _OFFSET, _REPLAYED}

_SUFFIX = ".dlq"
_READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record set aside; `id` names the group and where the record stood."""

    id: str
    group: str
    topic: str
    partition: int
    offset: int
    error: str
    key: str
    headers: dict[str, str]
    value: bytes = field(repr=False)

    @property
    def origin(self) -> tuple[str, int, int]:
        """Where the record stood: topic, partition, offset."""
        return self.topic, self.partition, self.offset


def set_aside(log: EventLog, group: str, record: Record, error: str) -> None:
    """Append a record to the dead letters of `group`. Raises LogUnavailable."""
    headers = {
        **record.headers,
        _ERROR: error[:1000],
        _GROUP: group,
        _TOPIC: record.topic,
        _PARTITION: str(record.partition),
        _OFFSET: str(record.offset),
    }
    topic = dead_letter_topic(record.topic, group)
    log.write([Message(topic, record.key, headers, record.value)])


def dead_letters(log: EventLog) -> list[DeadLetter]:
    """Every dead letter that was not replayed, each once, in the order of the log.

    Raises LogUnavailable.
    """
    letters: dict[str, DeadLetter] = {}
    replayed: set[str] = set()
    for record in _read_all(log, sorted(t for t in log.topics() if t.endswith(_SUFFIX))):
        if _REPLAYED in record.headers:
            replayed.add(record.headers[_REPLAYED])
        else:
            letter = _letter(record)
            letters[letter.id] = letter  # set aside twice when a follower died in between
    kept = [letter for letter in letters.values() if letter.id not in replayed]
    return sorted(kept, key=lambda at: (at.group, at.topic, at.partition, at.offset))


def replay(log: EventLog, letters: Sequence[DeadLetter]) -> None:
    """Append the record behind each letter to its topic again, once, for every group, then mark as
    replayed what any group had set aside of it.

    Groups that had folded it fold it again, which their versions make harmless. Raises
    LogUnavailable: then some may have been replayed, and doing it again is as harmless.
    """
    chosen = {letter.origin: letter for letter in letters}
    of_each: dict[tuple[str, int, int], list[DeadLetter]] = {origin: [] for origin in chosen}
    for letter in dead_letters(log):
        if letter.origin in of_each:
            of_each[letter.origin].append(letter)
    for origin, record in chosen.items():
        log.write([Message(record.topic, record.key, record.headers, record.value)])
        log.write([_replayed(letter) for letter in of_each[origin]])


def forget(log: EventLog, is_meant: Callable[[Record], bool]) -> int:
    """Remove the dead letters that `is_meant` says, replayed ones too; how many records went.

    The others of their topics are appended again first: a log forgets from its front only. Raises
    LogUnavailable: then some may stand there twice, which `dead_letters` takes for one.
    """
    topics = sorted(topic for topic in log.topics() if topic.endswith(_SUFFIX))
    ends = log.ends(topics) if topics else {}
    records = _read_all(log, topics)
    gone = [record for record in records if is_meant(record)]
    touched = {record.topic for record in gone}
    kept = [each for each in records if each.topic in touched and not is_meant(each)]
    log.write([Message(each.topic, each.key, each.headers, each.value) for each in kept])
    if touched:
        log.cut({name: end for name, end in ends.items() if parse_position(name)[0] in touched})
    return len(gone)


def _replayed(letter: DeadLetter) -> Message:
    topic = dead_letter_topic(letter.topic, letter.group)
    return Message(topic, letter.key, {_REPLAYED: letter.id}, b"")


def _letter(record: Record) -> DeadLetter:
    headers = record.headers
    origin = f"{position(headers[_TOPIC], int(headers[_PARTITION]))}/{headers[_OFFSET]}"
    return DeadLetter(
        id=f"{headers[_GROUP]}:{origin}",
        group=headers[_GROUP],
        topic=headers[_TOPIC],
        partition=int(headers[_PARTITION]),
        offset=int(headers[_OFFSET]),
        error=headers[_ERROR],
        key=record.key,
        headers={name: value for name, value in headers.items() if name not in _OURS},
        value=record.value,
    )


def _read_all(log: EventLog, topics: list[str]) -> list[Record]:
    """The records that the topics held when this was called."""
    if not topics:
        return []
    starts, ends = log.starts(topics), log.ends(topics)
    wanted = sum(ends[name] - starts[name] for name in ends)
    records: list[Record] = []
    deadline = time.monotonic() + _READ_SECONDS
    reader = log.reader(topics, starts)
    try:
        while len(records) < wanted:
            if time.monotonic() > deadline:
                raise LogUnavailable(f"read {len(records)} of {wanted} dead letters in time")
            records += reader.poll(500, 1.0)
    finally:
        reader.close()
    return records
