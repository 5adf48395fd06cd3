"""What a recognition counts on boards: the rules of DESIGN sections 4 and 7, and of docs/adr/0011
and 0070, said once more for a second count (recount.py)."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.leaderboard.recount_kept import Kept, Please, Side, Thanks


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
    elif kept.day == day:
        yield from _of_thanks(kept)


def _of_thanks(kept: Thanks) -> Iterator[Credit]:
    giver = kept.giver
    for to in kept.recipients:
        for by, subject, teams in _standing(giver):
            yield Credit("given", by, subject, teams)
        yield Credit("took_part", "people", giver.ref, giver.teams)
        if to.is_person:
            yield Credit("took_part", "people", to.ref, to.teams)
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


BOARDS = frozenset(
    [
        *("received", "given", "breadth", "promises_kept", "promised", "took_part"),
        *("flows", "flow_promised", "flow_kept", "flow_late", "flow_moved"),
    ]
)
"""What is counted here; anything else that is stored is not looked at."""


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
