"""What a recognition counts on boards: the rules of DESIGN sections 4 and 7, and of docs/adr/0011
and 0070, said once more for a second count (recounting.py)."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.leaderboard.recount.kept import Kept, Please, Side, Thanks

HAVE_VALUES = {"received", "given", "breadth", "promised", "promises_kept", "flows"}
"""The boards that are kept by value, too."""


class Credit(NamedTuple):
    """One more on a board for a subject; on those that count distinct people, because of `who`.
    `teams`: those whose lists, asked for with sub-teams, have it; the first one's without, too."""

    board: str
    by: str
    subject: str
    teams: tuple[str, ...]
    who: str = ""


def credits_of(kept: Kept, day: date) -> Iterator[Credit]:
    """Everything that a recognition counts on a day; private ones count on no board."""
    if kept.is_private:
        return
    if isinstance(kept, Please):
        yield from _of_promise(kept, day)
        yield from _of_service_level(kept, day)
    elif kept.day == day:
        yield from _of_thanks(kept)


def all_time_credits_of(kept: Kept) -> Iterator[Credit]:
    """What it counts over all time alone, whatever its values: teams whose people thanked
    somebody."""
    if isinstance(kept, Thanks) and not kept.is_private:
        for team in kept.giver.teams[:1]:
            for to in kept.recipients:
                if to.is_person:
                    yield Credit("teams_thanking", "people", to.ref, (), who=f"team:{team}")


def _of_thanks(kept: Thanks) -> Iterator[Credit]:
    giver = kept.giver
    for to in kept.recipients:
        for by, subject, teams in _standing(giver):
            yield Credit("given", by, subject, teams)
        yield Credit("took_part", "people", giver.ref, ())
        if to.is_person:
            yield Credit("took_part", "people", to.ref, ())
        if giver.is_own(to.ref):
            continue  # told, but one's own team or partner has no credit
        for by, subject, teams in _standing(to):
            yield Credit("received", by, subject, teams)
            yield Credit("breadth", by, subject, teams, who=giver.ref)
        yield Credit("flows", "flows", f"{giver.party}>{to.party}", giver.teams)


def _of_promise(kept: Please, day: date) -> Iterator[Credit]:
    promise, provider = kept.promise, kept.provider
    if promise is None or provider is None or promise.day != day:
        return
    for by, subject, teams in _standing(provider):
        yield Credit("promised", by, subject, teams)
        if promise.outcome == "kept":
            yield Credit("promises_kept", by, subject, teams)
    flow = f"{provider.party}>{kept.giver.party}"
    yield Credit("flow_promised", "flows", flow, provider.teams)
    if promise.outcome in ("kept", "late"):
        yield Credit(f"flow_{promise.outcome}", "flows", flow, provider.teams)
    if promise.moved_in_time:
        yield Credit("flow_moved", "flows", flow, provider.teams)


def _of_service_level(kept: Please, day: date) -> Iterator[Credit]:
    if kept.day != day:
        return
    # What has no answer yet flows from nobody.
    provider = kept.provider if kept.answered or kept.fulfilled else None
    party, teams = (provider.party, provider.teams) if provider else ("-", ())
    times = (("responded", kept.responded_in_time), ("fulfilled", kept.fulfilled_in_time))
    for act, is_in_time in times:
        if is_in_time is not None:
            board = f"flow_{act}_{'in_time' if is_in_time else 'late'}"
            yield Credit(board, "flows", f"{party}>{kept.giver.party}", teams)


def _standing(side: Side) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Who is credited with somebody, as (by, subject, teams): the person and whom they stood for,
    or the team or partner itself."""
    if side.is_person:
        yield "people", side.ref, side.teams
    if side.teams:
        yield "teams", f"team:{side.teams[0]}", side.teams
    for place, team in enumerate(side.teams):
        yield "trees", f"team:{team}", side.teams[place:]
    if side.partner:
        yield "partners", side.partner, ()
