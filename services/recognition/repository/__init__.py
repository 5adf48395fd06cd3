"""Every query of the recognition service, and the indexes that they need."""

from services.recognition.repository.audit import AuditRepository
from services.recognition.repository.comments import CommentRepository
from services.recognition.repository.directory import DirectoryRepository
from services.recognition.repository.feed import FeedRepository
from services.recognition.repository.keys import KeyRepository
from services.recognition.repository.ledgers import LedgerRepository
from services.recognition.repository.outbox import Outbox
from services.recognition.repository.privacy import (
    AccessReportRepository,
    ErasureRepository,
    PersonalStores,
)
from services.recognition.repository.recognitions import RecognitionRepository
from services.recognition.repository.reports import ReportRepository
from services.recognition.repository.service_levels import ServiceLevelRepository
from services.recognition.repository.values import ValueRepository

__all__ = [
    "AccessReportRepository",
    "AuditRepository",
    "CommentRepository",
    "DirectoryRepository",
    "ErasureRepository",
    "FeedRepository",
    "KeyRepository",
    "LedgerRepository",
    "Outbox",
    "PersonalStores",
    "RecognitionRepository",
    "ReportRepository",
    "ServiceLevelRepository",
    "ValueRepository",
]
