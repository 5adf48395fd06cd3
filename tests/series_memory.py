"""Series folded in memory, as the projector folds them."""

from zoneinfo import ZoneInfo

from services.leaderboard.domain.buckets import Range
from services.leaderboard.domain.contribution import Contribution, contribution_of
from services.leaderboard.domain.series import Increments, increments_of, places_of
from services.leaderboard.domain.series_fold import Cells, SeriesFold
from services.leaderboard.domain.trend import documents_of, figures_of, totals_of
from tests.trend_recount import NOW, Version


class SeriesMemory:
    """The documents of series, and the places that were ever noted."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.documents: dict[str, Cells] = {}
        self.places: set[str] = set()
        self.held: dict[str, tuple[int, Contribution | None]] = {}

    def fold(self, batch: list[Version]) -> int:
        """Fold a batch; how many documents it changed."""
        increments = Increments()
        for each in sorted(batch, key=lambda each: each.version):
            version, old = self.held.get(each.id, (0, None))
            if each.version > version:
                new = contribution_of(each.state, each.attribution, self.zone, NOW)
                self.held[each.id] = each.version, new
                self.places |= places_of(new)
                increments.update(increments_of(new))
                increments.subtract(increments_of(old))
        fold = SeriesFold(increments)
        fold.follow_people(self._stored(fold.own_documents()))
        fold.add(self._stored(fold.documents()))
        self.documents |= fold.changed
        return len(fold.changed)

    def figures(self, scope: str, asked: Range, *, private: bool) -> dict[str, dict[str, object]]:
        """The figures of each bucket of a scope."""
        totals = totals_of(asked, self._stored(documents_of(scope, asked)))
        return {each: figures_of(total, with_private=private) for each, total in totals.items()}

    def _stored(self, names: set[str]) -> dict[str, Cells]:
        return {name: self.documents[name] for name in names if name in self.documents}
