"""The event log: its port, its two adapters, and the follower that folds it into a database."""

from shared.config import ConfigError, Settings
from shared.eventlog.dead_letters import DeadLetter, dead_letters, replay
from shared.eventlog.port import (
    EventLog,
    LogReplaced,
    LogTruncated,
    LogUnavailable,
    Offsets,
    Reader,
    Record,
)
from shared.mongo import Client
from shared.nudges import Nudges

__all__ = [
    "DeadLetter",
    "EventLog",
    "LogReplaced",
    "LogTruncated",
    "LogUnavailable",
    "Offsets",
    "Reader",
    "Record",
    "dead_letters",
    "open_log",
    "replay",
]


def open_log(settings: Settings, mongo_client: Client | None = None) -> EventLog:
    """The event log that the settings name. Open it after the process has forked.

    Raises ConfigError when the log is kept in MongoDB and no client is given.
    """
    if settings.event_log == "kafka":
        from shared.eventlog.kafka import KafkaEventLog

        assert settings.kafka_bootstrap is not None, "Settings refuse kafka without brokers"
        return KafkaEventLog(settings.kafka_bootstrap, settings.namespace)
    if mongo_client is None:
        raise ConfigError("the event log is kept in MongoDB: KUDOS_MONGO_URI is needed")
    from shared.eventlog.mongo import MongoEventLog

    return MongoEventLog(mongo_client, settings.database("log"), Nudges(settings.nudges))
