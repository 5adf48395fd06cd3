"""The features of the recognition service, put together over one database client."""

from typing import Any

from pymongo import MongoClient

from services.recognition.directory import Directory
from services.recognition.imports import Importer
from services.recognition.recognitions import Recognitions
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    KeyRepository,
    RecognitionRepository,
    ServiceLevelRepository,
    ValueRepository,
)
from services.recognition.service_levels import ServiceLevels
from services.recognition.values import Values
from shared.config import Settings
from shared.web.idempotency import Idempotency

Document = dict[str, Any]


class Service:
    """What the views call."""

    def __init__(self, settings: Settings, client: MongoClient[Document]) -> None:
        database = client[settings.database("recognition")]
        recognitions = RecognitionRepository(database)
        directory = DirectoryRepository(database)
        values = ValueRepository(database)
        levels = ServiceLevelRepository(database)
        self.client = client
        self.audit = AuditRepository(database)
        self.keys = KeyRepository(database)
        self.idempotency = Idempotency(database["idempotency"])
        self.recognitions = Recognitions(recognitions, directory, values, levels)
        self.directory = Directory(client, directory)
        self.values = Values(client, values, self.audit)
        self.service_levels = ServiceLevels(client, levels, directory, self.audit)
        self.importer = Importer(recognitions, directory, values)
        self.stored_recognitions = recognitions
        self.stored_directory = directory
        self.stored_values = values
        self.stored_levels = levels

    def ensure_indexes(self) -> None:
        """Create every index that the service needs, and the default values; safe to repeat."""
        for repository in (
            self.stored_recognitions,
            self.stored_directory,
            self.stored_values,
            self.stored_levels,
            self.keys,
        ):
            repository.ensure_indexes()
        self.idempotency.ensure_indexes()
        self.values.seed()
