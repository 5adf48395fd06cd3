"""The features of the recognition service, put together over one database client."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient

from services.recognition.acting import Acting
from services.recognition.acts import Amending, Pleases
from services.recognition.conversation import Conversation
from services.recognition.directory import Directory
from services.recognition.directory_editing import DirectoryEditing
from services.recognition.directory_imports import DirectoryImports
from services.recognition.fair_play import FairPlay
from services.recognition.imports import Importer
from services.recognition.keys import Keys
from services.recognition.moderation import Moderation
from services.recognition.privacy import Privacy
from services.recognition.recognitions import Recognitions
from services.recognition.repository import (
    AccessReportRepository,
    AuditRepository,
    CommentRepository,
    DirectoryRepository,
    ErasureRepository,
    FeedRepository,
    KeyRepository,
    LedgerRepository,
    Outbox,
    RecognitionRepository,
    ReportRepository,
    ServiceLevelRepository,
    ValueRepository,
)
from services.recognition.service_levels import ServiceLevels
from services.recognition.values import Values
from services.recognition.views import Views
from shared import times
from shared.config import Settings
from shared.erased import Erased
from shared.web.idempotency import Idempotency

Document = dict[str, Any]


class Service:
    """What the views call."""

    def __init__(
        self,
        settings: Settings,
        client: MongoClient[Document],
        now: Callable[[], datetime] = times.now,
    ) -> None:
        database = client[settings.database("recognition")]
        recognitions = RecognitionRepository(database)
        directory = DirectoryRepository(database)
        comments, reports = CommentRepository(database), ReportRepository(database)
        ledgers = LedgerRepository(database)
        feed = FeedRepository(database)
        views = Views(recognitions, directory)
        values, levels = ValueRepository(database), ServiceLevelRepository(database)
        self.client = client
        self.now = now
        self.audit = AuditRepository(database)
        self.erased = Erased(database)
        self.idempotency = Idempotency(database["idempotency"])
        self.fair_play = FairPlay(settings, ledgers)
        acting = Acting(recognitions, directory, self.audit, now, settings.admins)
        self.recognitions = Recognitions(
            recognitions, feed, directory, values, levels, acting, views, self.fair_play
        )
        self.pleases = Pleases(acting, views)
        window = timedelta(hours=settings.amend_hours)
        self.amending = Amending(acting, views, recognitions, values, self.fair_play, window)
        self.conversation = Conversation(acting, views, comments)
        self.moderation = Moderation(acting, views, recognitions, reports, self.audit)
        self.directory = Directory(client, directory, now)
        self.directory_editing = DirectoryEditing(client, directory, self.audit, self.erased, now)
        self.directory_imports = DirectoryImports(client, directory, self.audit, self.erased, now)
        self.importer = Importer(recognitions, directory, values, comments)
        self.values = Values(client, values, self.audit)
        self.service_levels = ServiceLevels(client, levels, directory, self.audit)
        self.stored_keys = KeyRepository(database)
        self.keys = Keys(client, self.stored_keys, directory, self.audit, now)
        erasures, access_reports = ErasureRepository(database), AccessReportRepository(database)
        self.privacy = Privacy(
            client, directory, erasures, access_reports, self.audit, self.erased, now
        )
        self.stored_recognitions = recognitions
        self.stored_comments = comments
        self.stored_directory = directory
        self._stored = (
            *(recognitions, feed, directory, values, levels, self.stored_keys),
            *(self.audit, comments, reports, ledgers, erasures, access_reports, Outbox(database)),
        )

    def ensure_indexes(self) -> None:
        """Create every index that the service needs, and the default values; safe to repeat."""
        for repository in self._stored:
            repository.ensure_indexes()
        self.idempotency.ensure_indexes()
        self.values.seed()
