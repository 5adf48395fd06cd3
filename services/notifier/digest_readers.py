"""Who gets digests: over which channels, and when."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.notifier.domain.digests import Occasion, following, latest
from services.notifier.domain.notices import DIGESTS
from services.notifier.domain.preferences import NOTHING, digest_time, is_chosen, zone_of
from services.notifier.domain.readability import Reader
from services.notifier.repository import Repository
from shared.mongo import Document


@dataclass(frozen=True, slots=True)
class DigestReader:
    """Somebody who may get digests, with what decides it."""

    entry: Document
    wishes: Mapping[str, Any]
    zone: ZoneInfo
    has_reports: bool

    @property
    def reference(self) -> str:
        """Who it is."""
        return str(self.entry["_id"])

    @property
    def reader(self) -> Reader:
        """As whom the person may read."""
        return Reader(self.reference, self.entry.get("team"), self.entry.get("partner"))

    def channels(self, kind: str, there_are: Iterable[str]) -> list[str]:
        """Over which channels the person gets digests of a kind."""
        if not self.entry.get("active", True) or (kind == "team_weekly" and not self.has_reports):
            return []
        reached = {"mail": self.entry.get("email"), "chat": self.wishes.get("chat_url")}
        return [each for each in there_are if reached[each] and is_chosen(self.wishes, kind, each)]

    def latest(self, kind: str, now: datetime) -> Occasion:
        """The last digest of a kind that was due by `now`."""
        return latest(kind, self.zone, *digest_time(self.wishes), now)

    def kinds(self, there_are: Collection[str]) -> list[str]:
        """The kinds of digests that the person gets."""
        return [kind for kind in sorted(DIGESTS) if self.channels(kind, there_are)]

    def next_due(self, kinds: Iterable[str], now: datetime) -> datetime | None:
        """When the first digest of `kinds` after `now` is due."""
        day, hour = digest_time(self.wishes)
        dues = [following(kind, self.zone, day, hour, now).at for kind in kinds]
        return min(dues, default=None)


def digest_readers(
    repository: Repository, people: Iterable[str], organisation_zone: str
) -> list[DigestReader]:
    """Those of `people` (references) who are known."""
    wanted = list(people)
    stored = repository.preferences.of_many(wanted)
    readers = []
    for person, entry in repository.directory.entries(wanted).items():
        wishes = stored.get(person, NOTHING)
        zone = zone_of((wishes.get("timezone"), entry.get("timezone"), organisation_zone))
        has_reports = repository.directory.has_reports(person)
        readers.append(DigestReader(entry, wishes, zone, has_reports))
    return readers
