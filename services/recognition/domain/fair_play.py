"""Fair play: limits that an honest giver never meets, told before they bind.

A giver's ledger holds what they need: {"day", "today": thank-yous given that day, "recent": the
last 20 thank-yous as {"id", "at", "people"}, "repeats": what was given within five minutes as
{"digest", "at", "id"}, "only": the one person who got all of the recent ones, when it is so}.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.references import kind_of
from shared.times import to_rfc3339

Ledger = dict[str, Any]

REPEATED_WITHIN = timedelta(minutes=5)
DAILY = 50
LAST = 20
FROM = 10
SHARE_PERCENT = 40
REMEMBERED = timedelta(days=90)
PAIR_FROM = 5
_MOST_REPEATS = 500

NEW_LEDGER: Ledger = {"day": None, "today": 0, "recent": [], "repeats": [], "only": None}


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit that is reached: its name, what it is and when it lifts, in words, and the instant
    when it does by itself."""

    limit: str
    detail: str
    lifts_at: datetime


def digest_of(kind: str, giver: str, recipients: Sequence[str], message: str) -> str:
    """What two recognitions share when one repeats the other."""
    parts = "\n".join((kind, giver, *sorted(recipients), message))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def first_of(ledger: Mapping[str, Any], digest: str, now: datetime) -> dict[str, Any] | None:
    """The recognition, as {"id", "at"}, that one given now would repeat."""
    for entry in ledger["repeats"]:
        if entry["digest"] == digest and timedelta() <= now - entry["at"] < REPEATED_WITHIN:
            return dict(entry)
    return None


def findings(
    ledger: Mapping[str, Any], recipients: Sequence[str], now: datetime, zone: ZoneInfo
) -> list[Finding]:
    """The limits that one more thank-you, to `recipients`, goes beyond."""
    return [*_daily(ledger, now, zone), *_concentration(ledger, recipients, now)]


def counted(
    ledger: Mapping[str, Any], record: Mapping[str, Any], now: datetime, zone: ZoneInfo
) -> Ledger:
    """The ledger with a recognition that was just given."""
    entry = {"digest": _digest(record), "at": now, "id": record["_id"]}
    fresh = [it for it in ledger["repeats"] if now - it["at"] < REPEATED_WITHIN]
    after = {**ledger, "repeats": [*fresh, entry][-_MOST_REPEATS:]}
    if record["kind"] != "thank_you":
        return after
    people = [ref for ref in record["recipients"] if kind_of(ref) == "person"]
    recent = [*ledger["recent"], {"id": record["_id"], "at": now, "people": people}][-LAST:]
    today = used_today(ledger, now, zone) + 1
    day = _day(now, zone)
    return {**after, "day": day, "today": today, "recent": recent, "only": _only(recent)}


def taken_back(
    ledger: Mapping[str, Any], recognition_id: str, given: datetime, zone: ZoneInfo
) -> Ledger:
    """The ledger without a thank-you that was retracted: it does not count any more."""
    recent = [it for it in ledger["recent"] if it["id"] != recognition_id]
    is_of_today = ledger["day"] == _day(given, zone)
    return {
        **ledger,
        "repeats": [it for it in ledger["repeats"] if it["id"] != recognition_id],
        "recent": recent,
        "today": max(0, ledger["today"] - 1) if is_of_today else ledger["today"],
        "only": _only(recent),
    }


def used_today(ledger: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> int:
    """How many thank-yous were given today."""
    return int(ledger["today"]) if ledger["day"] == _day(now, zone) else 0


def left(ledger: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What is left of each limit, as GET /me tells it."""
    used = used_today(ledger, now, zone)
    recent = _remembered(ledger, now)
    top = Counter(ref for it in recent for ref in it["people"]).most_common(1)
    ref, count = top[0] if top else (None, 0)
    return {
        "repeat": {"minutes": REPEATED_WITHIN.total_seconds() / 60},
        "daily": {
            "limit": DAILY,
            "used": used,
            "left": max(0, DAILY - used),
            "lifts_at": to_rfc3339(_midnight(now, zone)),
        },
        "concentration": {
            "of_last": LAST,
            "from": FROM,
            "limit_percent": SHARE_PERCENT,
            "given": len(recent),
            "most_thanked": ref,
            "percent": round(100 * count / len(recent)) if recent else 0,
        },
    }


def _daily(ledger: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> list[Finding]:
    used = used_today(ledger, now, zone)
    if used < DAILY:
        return []
    at = _midnight(now, zone)
    detail = f"{used} thank-yous today; the limit is {DAILY} a day, and lifts at {to_rfc3339(at)}"
    return [Finding("daily", detail, at)]


def _concentration(
    ledger: Mapping[str, Any], recipients: Sequence[str], now: datetime
) -> list[Finding]:
    people = [ref for ref in recipients if kind_of(ref) == "person"]
    recent = _remembered(ledger, now)
    last = [*recent[-(LAST - 1) :], {"at": now, "people": people}]
    found = []
    for ref in people:
        count = _count(last, ref)
        if _is_concentrated(count, len(last)):
            at = _lifts(recent, ref, now)
            detail = (
                f"{count} of your last {len(last)} thank-yous ({round(100 * count / len(last))} %) "
                f"are to {ref}; the limit is {SHARE_PERCENT} % of the last {LAST}, from {FROM} on. "
                f"It lifts as you thank others, at the latest at {to_rfc3339(at)}"
            )
            found.append(Finding("concentration", detail, at))
    return found


def _lifts(recent: Sequence[Mapping[str, Any]], ref: str, now: datetime) -> datetime:
    """When one more thank-you to `ref` would be within the limit, if nothing else is given."""
    for gone in range(1, len(recent) + 1):
        last = [*recent[gone:], {"people": [ref]}]
        if not _is_concentrated(_count(last, ref), len(last)):
            at: datetime = recent[gone - 1]["at"] + REMEMBERED
            return at
    return now


def _is_concentrated(count: int, given: int) -> bool:
    return given >= FROM and 100 * count > SHARE_PERCENT * given


def _count(entries: Sequence[Mapping[str, Any]], ref: str) -> int:
    return sum(1 for entry in entries if ref in entry["people"])


def _remembered(ledger: Mapping[str, Any], now: datetime) -> list[Mapping[str, Any]]:
    return [entry for entry in ledger["recent"] if now - entry["at"] < REMEMBERED]


def _only(recent: Sequence[Mapping[str, Any]]) -> str | None:
    """The person who alone got all of the recent thank-yous, when there are enough of them."""
    receivers = {tuple(entry["people"]) for entry in recent}
    if len(recent) < PAIR_FROM or len(receivers) != 1:
        return None
    people = next(iter(receivers))
    return people[0] if len(people) == 1 else None


def _digest(record: Mapping[str, Any]) -> str:
    return digest_of(record["kind"], record["giver"], record["recipients"], record["message"])


def _day(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).date().isoformat()


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(now.tzinfo)
