"""Digests: when one is due, which stretch of a person's calendar it covers, and what is in it.

Days and weeks are those of the person's time zone. A digest covers whole local days: a daily one
the day before, a weekly one the seven days before the day on which it comes, so that those that
follow one another adjoin, over changes of the clocks and over days that a zone skipped.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from services.notifier.domain.readability import Reader, may_read
from shared.times import parse_rfc3339

Row = Mapping[str, Any]

QUIET_WEEKS = 4
"""A manager is told who was not thanked for so long."""
_DAY = timedelta(days=1)
_AHEAD = {"daily": timedelta(days=2), "weekly": timedelta(days=7), "team_weekly": timedelta(days=7)}
"""Promises due within so long are in the digest."""
_OPEN = frozenset({"open", "promised"})


@dataclass(frozen=True, slots=True)
class Occasion:
    """One digest of a kind: when it comes, and what it covers: [start, end), all in UTC."""

    kind: str
    period: str
    """Its id: the first local day, for weeks with how many: `2026-11-16/7`."""
    start: datetime
    end: datetime
    at: datetime


def latest(kind: str, zone: ZoneInfo, weekday: int, hour: int, now: datetime) -> Occasion:
    """The last occasion at or before `now`. `weekday` (0: Monday) is that of weekly digests."""
    today = now.astimezone(zone).date()
    for days in count(-1):
        occasion = _on(kind, zone, weekday, hour, today - days * _DAY)
        if occasion is not None and occasion.at <= now:
            return occasion
    raise AssertionError("unreachable")


def following(kind: str, zone: ZoneInfo, weekday: int, hour: int, now: datetime) -> Occasion:
    """The first occasion after `now`."""
    today = now.astimezone(zone).date()
    for days in count(-2):
        occasion = _on(kind, zone, weekday, hour, today + days * _DAY)
        if occasion is not None and occasion.at > now:
            return occasion
    raise AssertionError("unreachable")


def _on(kind: str, zone: ZoneInfo, weekday: int, hour: int, day: date) -> Occasion | None:
    """The occasion that belongs to a day of the calendar; None when none does, or when it would
    cover nothing. Where the zone skipped the day, it comes on the day after."""
    if kind != "daily" and day.weekday() != weekday:
        return None
    length = 1 if kind == "daily" else 7
    first = day - length * _DAY
    start, end = _instant(first, 0, zone), _instant(day, 0, zone)
    if start >= end:
        return None
    period = first.isoformat() if kind == "daily" else f"{first.isoformat()}/{length}"
    there = day if _exists(day, zone) else day + _DAY
    return Occasion(kind, period, start, end, max(_instant(there, hour, zone), end))


def _exists(day: date, zone: ZoneInfo) -> bool:
    """Whether the zone had that day: some crossed the date line and skipped one."""
    return _instant(day, 12, zone).astimezone(zone).date() == day


def _instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """A local hour in UTC: one that the clocks skip comes as much later, one that they tell twice
    is the first."""
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


def row_fields(state: Mapping[str, Any]) -> dict[str, Any]:
    """What the row of a recognition is found by for digests: `given_at`, `involved` (references),
    and, while it waits for somebody, `open_for` (who asked, who was asked or promised)."""
    involved = list(dict.fromkeys((state["giver"], *state["recipients"])))
    fields = {"given_at": parse_rfc3339(state["given_at"]), "involved": involved}
    if state["kind"] == "please" and state["status"] in _OPEN:
        promise = state["promise"]
        waited_for = [promise["by"]] if promise else state["recipients"]
        fields["open_for"] = list(dict.fromkeys((state["giver"], *waited_for)))
    return fields


def own_contents(
    occasion: Occasion, reader: Reader, given: Iterable[Row], open_rows: Iterable[Row]
) -> dict[str, list[str]]:
    """Ids of recognitions by section, for the person's own digest: of `given` (in the period) and
    `open_rows` (what waits for the person, their team or partner, or what they asked for)."""
    badges = {badge for badge in (reader.person, reader.team, reader.partner) if badge}
    found: dict[str, list[str]] = {"received": [], "given": []}
    for row in _readable(given, reader):
        state = row["state"]
        if state["kind"] != "thank_you":
            continue
        if state["giver"] == reader.person:
            found["given"].append(row["_id"])
        elif badges.intersection(state["recipients"]):
            found["received"].append(row["_id"])
    rows = list(_readable(open_rows, reader))
    asked = [
        row["_id"]
        for row in rows
        if row["state"]["status"] == "open" and row["state"]["giver"] != reader.person
    ]
    return _filled({**found, "asked": asked, **_promises(occasion, rows)})


def team_contents(
    occasion: Occasion,
    reader: Reader,
    thanked: Mapping[str, Iterable[Row]],
    open_rows: Mapping[str, Iterable[Row]],
) -> dict[str, list[str]]:
    """The same for a manager, by report: `thanked` names what each was part of in the last
    QUIET_WEEKS up to the period's end, `open_rows` what waits for them. `quiet` are the reports to
    whom no thank-you is there that the manager may read."""
    received: dict[str, None] = {}
    quiet = []
    for report, rows in thanked.items():
        theirs = [
            row
            for row in _readable(rows, reader)
            if row["state"]["kind"] == "thank_you" and report in row["state"]["recipients"]
        ]
        if not theirs:
            quiet.append(report)
        in_period = [row["_id"] for row in theirs if occasion.start <= row["given_at"]]
        received |= dict.fromkeys(in_period)
    promised = {
        row["_id"]: row
        for report, rows in open_rows.items()
        for row in _readable(rows, reader)
        if (row["state"]["promise"] or {}).get("by") == report
    }
    promises = _promises(occasion, promised.values())
    return _filled({"received": list(received), "quiet": quiet, **promises})


def quiet_since(occasion: Occasion) -> datetime:
    """From when on a manager's digest looks for thanks."""
    return min(occasion.start, occasion.end - timedelta(weeks=QUIET_WEEKS))


def is_still(section: str, state: Mapping[str, Any]) -> bool:
    """Whether a recognition that was put into `section` belongs there as it stands now."""
    if section in {"due", "late"}:
        return bool(state["status"] == "promised")
    if section == "asked":
        return bool(state["status"] == "open")
    return bool(state["status"] == "given")


def _promises(occasion: Occasion, rows: Iterable[Row]) -> dict[str, list[str]]:
    due: list[tuple[str, str]] = []
    late: list[tuple[str, str]] = []
    for row in rows:
        promise = row["state"]["promise"]
        if row["state"]["status"] != "promised" or not promise:
            continue
        at = parse_rfc3339(promise["due_at"])
        if at < occasion.at:
            late.append((promise["due_at"], row["_id"]))
        elif at < occasion.at + _AHEAD[occasion.kind]:
            due.append((promise["due_at"], row["_id"]))
    return {name: [key for _, key in sorted(each)] for name, each in (("due", due), ("late", late))}


def _readable(rows: Iterable[Row], reader: Reader) -> Iterator[Row]:
    seen: set[str] = set()
    for row in rows:
        if row["_id"] not in seen and may_read(reader, row["state"], row["attribution"]):
            seen.add(row["_id"])
            yield row


def _filled(sections: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in sections.items() if found}
