"""Fair play: refuses repeats, and advises on limits or enforces them (KUDOS_FAIR_PLAY)."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from services.recognition.domain import fair_play as rules
from services.recognition.repository import LedgerRepository
from shared.config import Settings
from shared.times import to_rfc3339
from shared.web.problems import Conflict, LimitReached

Document = dict[str, Any]


class Repeated(Conflict):
    """The same giver gave the same text to the same recipients within the last five minutes;
    `location` is the first one. Wait, or say it in other words."""

    slug = "repeated"
    title = "This was given a moment ago"


class FairPlay:
    """Holds givers to the limits, each by a ledger that is kept in the transaction of giving."""

    def __init__(self, settings: Settings, ledgers: LedgerRepository) -> None:
        self._mode = settings.fair_play
        self._zone = ZoneInfo(settings.timezone)
        self._ledgers = ledgers

    @property
    def is_on(self) -> bool:
        """Whether giving has to be entered into ledgers at all."""
        return self._mode != "off"

    def enter(self, record: Document, now: datetime, session: ClientSession) -> list[str]:
        """Enter a new recognition; what is to be said about it.

        Raises Repeated for a repeat and, where limits are enforced, LimitReached.
        """
        giver = record["giver"]
        ledger = self._ledger(giver, session)
        recipients, message = record["recipients"], record["message"]
        digest = rules.digest_of(record["kind"], giver, recipients, message)
        if first := rules.first_of(ledger, digest, now):
            raise _repeated(first)
        found = []
        if record["kind"] == "thank_you":
            found = rules.findings(ledger, recipients, now, self._zone)
        if found and self._mode == "enforce":
            raise _limit(found, now)
        self._ledgers.put(giver, rules.counted(ledger, record, now, self._zone), session)
        return [finding.detail for finding in found]

    def take_back(self, record: Document, session: ClientSession) -> None:
        """Let a thank-you that was retracted not count."""
        ledger = self._ledgers.get(record["giver"], session) if self.is_on else None
        if ledger is not None:
            given = record["created_at"]
            after = rules.taken_back(ledger, record["_id"], given, self._zone)
            self._ledgers.put(record["giver"], after, session)

    def left(self, giver: str | None, now: datetime) -> Document:
        """What is left of each limit, for GET /me."""
        if not self.is_on or giver is None:
            return {"mode": self._mode}
        return {"mode": self._mode, **rules.left(self._ledger(giver), now, self._zone)}

    def pairs(self, after: str | None, limit: int) -> tuple[list[Document], str | None]:
        """Pairs whose recent thank-yous all went to each other, and where the next page starts."""
        found = self._ledgers.exclusive(after, limit + 1)
        page = found[:limit]
        others = self._ledgers.of([ledger["only"] for ledger in page])
        pairs = [
            _pair(ledger, other)
            for ledger in page
            if (other := others.get(ledger["only"], {})).get("only") == ledger["_id"]
            and ledger["_id"] < ledger["only"]
        ]
        return pairs, page[-1]["_id"] if len(found) > limit else None

    def _ledger(self, giver: str, session: ClientSession | None = None) -> Document:
        return {**rules.NEW_LEDGER, **(self._ledgers.get(giver, session) or {})}


def _pair(ledger: Document, other: Document) -> Document:
    entries = [*ledger["recent"], *other["recent"]]
    return {
        "people": [ledger["_id"], other["_id"]],
        "thank_yous": len(entries),
        "since": to_rfc3339(min(entry["at"] for entry in entries)),
    }


def _repeated(first: Document) -> Repeated:
    seconds = rules.REPEATED_WITHIN.total_seconds()
    lifts_at = to_rfc3339(first["at"] + rules.REPEATED_WITHIN)
    return Repeated(
        f"The same text to the same recipients was given at {to_rfc3339(first['at'])}; the limit "
        f"is one in {seconds / 60:g} minutes, and lifts at {lifts_at}",
        location=f"/recognition/v1/recognitions/{first['id']}",
        lifts_at=lifts_at,
    )


def _limit(found: list[rules.Finding], now: datetime) -> LimitReached:
    last = max(found, key=lambda finding: finding.lifts_at)
    seconds = max(1, int((last.lifts_at - now).total_seconds()) + 1)
    return LimitReached(
        "; ".join(finding.detail for finding in found),
        retry_after=seconds,
        limits=[finding.limit for finding in found],
        lifts_at=to_rfc3339(last.lifts_at),
    )
