"""What happened by a recognition, on whose side and on which day: the rules of docs/trends.md and
docs/insights.md, said once more for a second count of the series (series.py)."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.leaderboard.recount.kept import Kept, Please, Side, Thanks

TOOK_PART = "took part"


class Happening(NamedTuple):
    """That something happened on a day: `what` is a figure, or TOOK_PART; `side`: who did it, or
    got it, None for the organisation alone; `seconds`: how long it took, of what takes a time."""

    day: date
    what: str
    side: Side | None
    seconds: int | None = None


def happenings_of(kept: Kept) -> Iterator[Happening]:
    """Everything that happened by a recognition, whether or not it is private."""
    return _of_thanks(kept) if isinstance(kept, Thanks) else _of_please(kept)


def _of_thanks(kept: Thanks) -> Iterator[Happening]:
    day, giver = kept.day, kept.giver
    for to, direction in zip(kept.recipients, kept.directions, strict=True):
        yield Happening(day, "given", giver)
        yield from _took_part(day, giver)
        yield from _took_part(day, to)
        if not giver.is_own(to.ref):
            yield Happening(day, "received", to)
        if to.is_person:
            yield Happening(day, "to_people", giver)
        if way := _way(giver, to, direction):
            yield Happening(day, way, giver)


def _way(giver: Side, to: Side, direction: str | None) -> str | None:
    match bool(giver.partner), bool(to.partner):
        case True, True:
            return None
        case True, False:
            return "from_partners"
        case False, True:
            return "to_partners"
    return direction if to.is_person else None


def _of_please(kept: Please) -> Iterator[Happening]:
    provider, promise = kept.provider, kept.promise
    yield Happening(kept.day, "asked", kept.giver)
    yield from _took_part(kept.day, kept.giver)
    if promise and provider:
        yield Happening(promise.day, "promised", provider)
        yield from _took_part(promise.day, provider)
        if promise.outcome != "open":
            yield Happening(promise.day, promise.outcome, provider)
        if promise.moved_in_time:
            yield Happening(promise.day, "moved_in_time", provider)
    if kept.declined:
        yield Happening(kept.declined, "declined", provider)
    for what, done in (("answered", kept.answered), ("fulfilled", kept.fulfilled)):
        if done:
            yield Happening(done.day, what, provider, done.seconds)
    yield from _of_service_level(kept)


def _of_service_level(kept: Please) -> Iterator[Happening]:
    # What nobody has answered yet is nobody's to have missed, but the organisation's.
    whose = kept.provider if kept.answered or kept.fulfilled else None
    times = (("responded", kept.responded_in_time), ("fulfilled", kept.fulfilled_in_time))
    for act, is_in_time in times:
        if is_in_time is not None:
            yield Happening(kept.day, f"{act}_{'in_time' if is_in_time else 'too_late'}", whose)


def _took_part(day: date, side: Side) -> Iterator[Happening]:
    if side.is_person:
        yield Happening(day, TOOK_PART, side)
