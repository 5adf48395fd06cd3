"""Every query of the notifier, and the indexes they need: one module per feature."""

from collections.abc import Callable
from typing import TypeVar

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.notifier.repository.audit import Audit
from services.notifier.repository.deliveries import Attempts, Deliveries
from services.notifier.repository.digest_clock import DigestClock
from services.notifier.repository.directory import Directory
from services.notifier.repository.endpoints import Endpoints
from services.notifier.repository.events import Events
from services.notifier.repository.inbox import Inbox
from services.notifier.repository.messages import Messages
from services.notifier.repository.preferences import Preferences
from services.notifier.repository.recognitions import RecognitionRows
from services.notifier.repository.tickets import StreamTickets
from shared.key_uses import UntoldUses
from shared.mongo import Document, in_transaction

__all__ = ["Repository"]

T = TypeVar("T")


class Repository:
    """The collections of the notifier's database."""

    def __init__(self, db: Database[Document]) -> None:
        self.db = db
        self.recognitions = RecognitionRows(db)
        self.directory = Directory(db)
        self.inbox = Inbox(db)
        self.endpoints = Endpoints(db)
        self.deliveries = Deliveries(db)
        self.attempts = Attempts(db)
        self.events = Events(db)
        self.audit = Audit(db)
        self.messages = Messages(db)
        self.preferences = Preferences(db)
        self.digest_clock = DigestClock(db)
        self.key_uses = UntoldUses(db)
        self.tickets = StreamTickets(db)

    def in_transaction(self, work: Callable[[ClientSession], T]) -> T:
        """What `work(session)` returns, all that it wrote being durable (shared/mongo.py)."""
        return in_transaction(self.db.client, work)

    def ensure_indexes(self) -> None:
        """Create what the queries need; safe to repeat, and to run from several processes."""
        for part in (
            self.recognitions,
            self.directory,
            self.inbox,
            self.endpoints,
            self.deliveries,
            self.attempts,
            self.events,
            self.audit,
            self.messages,
            self.preferences,
            self.digest_clock,
            self.key_uses,
            self.tickets,
        ):
            part.ensure_indexes()
