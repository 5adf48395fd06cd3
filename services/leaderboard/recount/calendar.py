"""The calendar of a second count (recounting.py): which day an instant is in, its periods."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def periods_of(day: date) -> tuple[str, ...]:
    """The ids of the periods that a day is in."""
    year, week, _ = day.isocalendar()
    quarter = 1 + (day.month - 1) // 3
    return (
        day.isoformat(),
        f"{year:04}-W{week:02}",
        day.isoformat()[:7],
        f"{day.year:04}-Q{quarter}",
        f"{day.year:04}",
        "all",
    )


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day that an instant is in: the one whose midnight came last, the first where there were
    two of it."""
    day = instant.astimezone(zone).date() + timedelta(days=1)
    while datetime.combine(day, time(), zone).astimezone(UTC) > instant:
        day -= timedelta(days=1)
    return day
