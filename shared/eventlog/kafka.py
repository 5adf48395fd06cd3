"""The log in Kafka. The only module that imports kafka; used in worker processes alone.

A topic on the wire is the logical one with its first word replaced by the namespace. Readers
assign every partition themselves and seek: no consumer group, since offsets are kept with the
data. Partitions go by Kafka's own hash of the key (murmur2).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, TopicAlreadyExistsError
from kafka.errors import OffsetOutOfRangeError as OutOfRange
from kafka.net.compat import KafkaNetClient

from shared.eventlog.port import (
    RETENTION,
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

PARTITIONS = 6

_FIRST_WORD = "kudos."
_REQUEST_MS = 10_000
_DELIVERY_SECONDS = 20.0


class KafkaEventLog(EventLog):
    """The log in the brokers at `bootstrap` (host:port, separated by commas).

    Its clients start when first used, so that a process may fork before.
    """

    trims_itself = True

    def __init__(self, bootstrap: str, namespace: str, bootstrap_ms: int = 5_000) -> None:
        self._client_options = {
            "bootstrap_servers": [server.strip() for server in bootstrap.split(",")],
            "request_timeout_ms": _REQUEST_MS,
            "bootstrap_timeout_ms": bootstrap_ms,
            "reconnect_backoff_max_ms": 1_000,
        }
        self._prefix = f"{namespace}."
        self._producer: KafkaProducer | None = None
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def write(self, messages: Sequence[Message]) -> None:
        self.ensure_topics({message.topic for message in messages})
        try:
            with _answering("append"):
                producer = self._start_producer()
                futures = [self._send(producer, message) for message in messages]
                producer.flush(_DELIVERY_SECONDS)
                for future in futures:
                    future.get(_DELIVERY_SECONDS)
        except LogUnavailable:
            # Its sequence numbers may have a gap now: only a new producer is sure.
            self._stop_producer(seconds=0)
            raise

    def _send(self, producer: KafkaProducer, message: Message) -> Any:
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        topic = self.on_wire(message.topic)
        return producer.send(topic, message.value, message.key.encode(), headers)

    def _start_producer(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                self._producer = self._make(
                    KafkaProducer,
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    delivery_timeout_ms=int(_DELIVERY_SECONDS * 1000),
                    max_block_ms=_REQUEST_MS,
                    batch_size=256 * 1024,
                    metrics_enabled=False,
                )
            return self._producer

    def _stop_producer(self, seconds: float) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=seconds)

    def _admin(self) -> KafkaAdminClient:
        return self._make(KafkaAdminClient)

    def _consumer(self) -> KafkaConsumer:
        return self._make(
            KafkaConsumer,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            # How long a broker holds an empty answer. Records are answered at once whatever it is;
            # 20 ms cost 7 % of a core while idle, 100 ms cost 2 % and read a backlog as fast.
            fetch_max_wait_ms=100,
            metrics_enabled=False,
        )

    def _make(self, kind: Callable[..., Any], **options: Any) -> Any:
        """A client; one that finds no broker is closed, which kafka-python 3.0 leaves undone."""
        made: list[KafkaNetClient] = []

        def remember(**config: Any) -> KafkaNetClient:
            made.append(KafkaNetClient(**config))
            return made[-1]

        try:
            return kind(**self._client_options, **options, kafka_client=remember)
        except KafkaError:
            for client in made:
                client.close()
            raise

    def identity(self) -> str:
        with _answering("tell its cluster"), closing(self._admin()) as admin:
            return f"kafka:{admin.describe_cluster()['cluster_id']}"

    def ensure_topics(self, topics: Iterable[str]) -> None:
        unknown = set(topics) - self._known
        if not unknown:
            return
        with _answering("create topics"), closing(self._admin()) as admin:
            for name in {self.on_wire(topic) for topic in unknown} - set(admin.list_topics()):
                with suppress(TopicAlreadyExistsError):  # another process was first
                    admin.create_topics({name: _TOPIC}, wait_for_metadata=True)
        self._known |= unknown

    def topics(self) -> set[str]:
        with _answering("list topics"), closing(self._admin()) as admin:
            names = admin.list_topics()
        return {self.logical(name) for name in names if name.startswith(self._prefix)}

    def starts(self, topics: Iterable[str]) -> Offsets:
        with _answering("read offsets"), closing(self._consumer()) as consumer:
            found = consumer.beginning_offsets(self._partitions(consumer, topics))
        return {self._position(tp): offset for tp, offset in found.items()}

    def ends(self, topics: Iterable[str]) -> Offsets:
        with _answering("read offsets"), closing(self._consumer()) as consumer:
            found = consumer.end_offsets(self._partitions(consumer, topics))
        return {self._position(tp): offset for tp, offset in found.items()}

    def _partitions(self, consumer: KafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
        topics = list(topics)
        self.ensure_topics(topics)
        partitions = []
        for topic in topics:
            name = self.on_wire(topic)
            numbers = consumer.partitions_for_topic(name)
            if not numbers:
                raise LogUnavailable(f"Kafka names no partitions of {name} yet")
            partitions += [TopicPartition(name, number) for number in sorted(numbers)]
        return partitions

    def reader(self, topics: Iterable[str], offsets: Mapping[str, int]) -> "KafkaReader":
        with _answering("open a reader"):
            consumer = self._consumer()
            try:
                partitions = self._partitions(consumer, topics)
                starts = consumer.beginning_offsets(partitions)
                wanted = {tp: offsets.get(self._position(tp), starts[tp]) for tp in partitions}
                reader = KafkaReader(self, consumer, wanted)
                reader.require_in_log()
                reader.seek()
            except BaseException:
                consumer.close()
                raise
        return reader

    def trim(self, before: datetime) -> int:
        instant = int(before.timestamp() * 1000)
        with _answering("trim"), closing(self._consumer()) as consumer:
            partitions = self._partitions(consumer, self.topics())
            starts = consumer.beginning_offsets(partitions)
            ends = consumer.end_offsets(partitions)
            found = consumer.offsets_for_times(dict.fromkeys(partitions, instant))
        kept = {tp: found[tp].offset if found.get(tp) else ends[tp] for tp in partitions}
        gone = {tp: offset for tp, offset in kept.items() if offset > starts[tp]}
        self._delete(gone)
        return sum(offset - starts[tp] for tp, offset in gone.items())

    def cut(self, offsets: Offsets) -> None:
        self._delete({self._partition(name): offset for name, offset in offsets.items()})

    def _delete(self, before: dict[TopicPartition, int]) -> None:
        if before:
            with _answering("forget records"), closing(self._admin()) as admin:
                admin.delete_records(before, timeout_ms=_REQUEST_MS)

    def close(self) -> None:
        self._stop_producer(seconds=_DELIVERY_SECONDS)

    def on_wire(self, topic: str) -> str:
        """The name that a logical topic has in Kafka."""
        return self._prefix + topic.removeprefix(_FIRST_WORD)

    def logical(self, name: str) -> str:
        """The logical topic that a name in Kafka stands for."""
        return _FIRST_WORD + name.removeprefix(self._prefix)

    def _partition(self, name: str) -> TopicPartition:
        topic, number = parse_position(name)
        return TopicPartition(self.on_wire(topic), number)

    def _position(self, tp: TopicPartition) -> str:
        return position(self.logical(tp.topic), tp.partition)


class KafkaReader(Reader):
    """Reads on from the offsets in `wanted`."""

    def __init__(
        self, log: KafkaEventLog, consumer: KafkaConsumer, wanted: dict[TopicPartition, int]
    ) -> None:
        self._log = log
        self._consumer = consumer
        self._next = wanted
        self._ends: dict[TopicPartition, int] = {}

    def require_in_log(self) -> None:
        """Raise LogTruncated unless every offset is in the log, or at its end."""
        starts = self._consumer.beginning_offsets(list(self._next))
        ends = self._ends = self._consumer.end_offsets(list(self._next))
        for tp, offset in self._next.items():
            if not starts[tp] <= offset <= ends[tp]:
                name = position(self._log.logical(tp.topic), tp.partition)
                raise LogTruncated(name, offset, starts[tp], ends[tp])

    def seek(self) -> None:
        """Take all partitions and stand at their offsets."""
        self._consumer.assign(list(self._next))
        for tp, offset in self._next.items():
            self._consumer.seek(tp, offset)

    def poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        wait = int(timeout_seconds * 1000)
        with _answering("read"):
            try:
                found = self._consumer.poll(timeout_ms=wait, max_records=max_records)
            except (OutOfRange, LogTruncationError):
                self.require_in_log()
                raise
        records = []
        for tp, batch in found.items():
            topic = self._log.logical(tp.topic)
            records += [_record(topic, raw) for raw in batch]
            self._next[tp] = batch[-1].offset + 1
        return records

    def lag(self) -> dict[str, int]:
        behind = {self._log.logical(tp.topic): 0 for tp in self._next}
        for tp, offset in self._next.items():
            end = self._consumer.highwater(tp)  # as of the last fetch; None before the first
            end = self._ends[tp] if end is None else end
            behind[self._log.logical(tp.topic)] += max(0, end - offset)
        return behind

    def close(self) -> None:
        self._consumer.close()


def _record(topic: str, raw: Any) -> Record:
    key = (raw.key or b"").decode(errors="replace")
    headers = {name: (value or b"").decode(errors="replace") for name, value in raw.headers}
    return Record(topic, raw.partition, raw.offset, key, headers, raw.value or b"")


_TOPIC = {
    "num_partitions": PARTITIONS,
    "configs": {
        "cleanup.policy": "delete",
        "retention.ms": str(int(RETENTION.total_seconds() * 1000)),
    },
}


@contextmanager
def _answering(act: str) -> Iterator[None]:
    """Turn whatever Kafka's client raises into LogUnavailable."""
    try:
        yield
    except KafkaError as error:
        raise LogUnavailable(f"Kafka: cannot {act}: {type(error).__name__}: {error}") from error
