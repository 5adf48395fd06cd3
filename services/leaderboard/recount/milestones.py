"""A second count of what people reach milestones by (docs/milestones.md): what they have now, and
the most that they can ever have had. Shares nothing with domain/milestones.py and all_time.py."""

from collections import Counter, defaultdict

from services.leaderboard.recount.kept import Side, Thanks
from services.leaderboard.recount.recounting import Recount

Scores = dict[tuple[str, str], int]
"""By (what is counted, person): "received", "given", "teams_thanking"."""


def scores_now(recount: Recount) -> Scores:
    """What everybody has now: private ones count for none."""
    found = _Scores()
    for _, every in recount.days("all"):
        for kept in every:
            if isinstance(kept, Thanks) and not kept.is_private:
                found.add(kept.giver, [side.ref for side in kept.recipients])
    return found.all()


def most_ever(recount: Recount) -> Scores:
    """The most that everybody can ever have had: as if nothing had been private, hidden or
    retracted, and nobody had taken themselves out of anything."""
    found = _Scores()
    for named in recount.named():
        found.add(named.giver, sorted(named.recipients))
    return found.all()


class _Scores:
    def __init__(self) -> None:
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._teams: dict[str, set[str]] = defaultdict(set)

    def add(self, giver: Side, recipients: list[str]) -> None:
        self._numbers["given", giver.ref] += len(recipients)
        for ref in recipients:
            if ref.startswith("person:"):
                self._numbers["received", ref] += 1
                self._teams[ref].update(giver.teams[:1])

    def all(self) -> Scores:
        teams = {("teams_thanking", ref): len(held) for ref, held in self._teams.items()}
        return dict(self._numbers) | teams
