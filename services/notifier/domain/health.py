"""How an endpoint fares: when its owner is warned, and when it is disabled."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WARNED_AFTER = timedelta(days=3)
DISABLED_AFTER = timedelta(days=5)
WARNED_BEFORE = timedelta(days=1)
"""So long at least lies between the warning and the end."""

GONE = 410

FAILING = "failing"
DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to deliver: when it was begun, whether it arrived, and what came back."""

    at: datetime
    arrived: bool
    status: int | None = None
    error: str | None = None

    @property
    def in_words(self) -> str:
        """What came back."""
        return f"it answered {self.status}" if self.error is None else self.error


@dataclass(frozen=True, slots=True)
class Health:
    """Since when there were nothing but failures, and when the owner was warned; None: not."""

    failing_since: datetime | None = None
    warned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it fares now, and what is to happen: FAILING (the owner is warned), DISABLED, nothing."""

    health: Health
    what: str | None = None
    reason: str | None = None
    """Why it is disabled, and what to do about it; for people."""


def judge(health: Health, tries: Iterable[Try]) -> Verdict:
    """What follows from attempts, oldest first.

    410 ends it at once; so do five days of nothing but failures, of which the owner was warned a
    day before at least.
    """
    last = None
    for last in tries:
        if last.arrived:
            health = Health()
        elif health.failing_since is None:
            health = replace(health, failing_since=last.at)
        if last.status == GONE and last.error is None:
            return Verdict(health, DISABLED, _gone(last.at))
    if last is None or last.arrived or health.failing_since is None:
        return Verdict(health)
    lasted = last.at - health.failing_since
    if health.warned_at is None:
        if lasted < WARNED_AFTER:
            return Verdict(health)
        return Verdict(replace(health, warned_at=last.at), FAILING)
    if lasted >= DISABLED_AFTER and last.at - health.warned_at >= WARNED_BEFORE:
        return Verdict(health, DISABLED, _only_failures(health.failing_since, last))
    return Verdict(health)


def _gone(at: datetime) -> str:
    return (
        f"On {at:%Y-%m-%d %H:%M} UTC it answered 410 Gone, which says that nothing is wanted there "
        'any more. If it is, enable the endpoint (PATCH {"enabled": true}); POST .../recover sends '
        "what it missed."
    )


def _only_failures(since: datetime, last: Try) -> str:
    return (
        f"Nothing arrived since {since:%Y-%m-%d %H:%M} UTC; in the end {last.in_words}. Mend the "
        'receiver, try it with POST .../test, then enable the endpoint (PATCH {"enabled": true}); '
        "POST .../recover sends what it missed."
    )
