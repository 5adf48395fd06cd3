"""What is folded beside the boards, in the same transaction."""

from collections.abc import Sequence

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.coverage import Coverage
from services.leaderboard.domain.folding import Fold
from services.leaderboard.folder import Pair, Part
from services.leaderboard.series import Series
from shared.mongo import Document
from shared.references import kind_of


def parts_of(db: Database[Document], generation: str) -> list[Part]:
    """The parts of a generation."""
    return [_SeriesPart(db, generation), _CoveragePart(db, generation)]


class _SeriesPart(Series):
    def apply(  # type: ignore[override]
        self, pairs: Sequence[Pair], fold: Fold, session: ClientSession
    ) -> int:
        """See Part."""
        del fold
        return super().apply(pairs, session)


class _CoveragePart(Coverage):
    def apply(  # type: ignore[override]
        self, pairs: Sequence[Pair], fold: Fold, session: ClientSession
    ) -> int:
        """See Part."""
        ranks = fold.ranks.items()
        people = {ref: rank != "away" for ref, rank in ranks if kind_of(ref) == "person"}
        return super().apply(pairs, people, session)
