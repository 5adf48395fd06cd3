"""The features of the recognition service, put together over one database client."""

from typing import Any

from pymongo import MongoClient

from services.recognition.directory import Directory
from services.recognition.imports import Importer
from services.recognition.keys import Keys
from services.recognition.recognitions import Recognitions
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    KeyRepository,
    RecognitionRepository,
)
from shared.config import Settings
from shared.web.idempotency import Idempotency

Document = dict[str, Any]


class Service:
    """What the views call."""

    def __init__(self, settings: Settings, client: MongoClient[Document]) -> None:
        database = client[settings.database("recognition")]
        recognitions = RecognitionRepository(database)
        directory = DirectoryRepository(database)
        self.client = client
        self.audit = AuditRepository(database)
        self.idempotency = Idempotency(database["idempotency"])
        self.recognitions = Recognitions(recognitions, directory)
        self.directory = Directory(client, directory)
        self.importer = Importer(recognitions, directory)
        self.stored_keys = KeyRepository(database)
        self.keys = Keys(client, self.stored_keys, directory, self.audit)
        self.stored_recognitions = recognitions
        self.stored_directory = directory

    def ensure_indexes(self) -> None:
        """Create every index that the service needs; safe to repeat."""
        for repository in (self.stored_recognitions, self.stored_directory, self.stored_keys):
            repository.ensure_indexes()
        self.idempotency.ensure_indexes()
