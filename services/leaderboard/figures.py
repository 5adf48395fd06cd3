"""What insights are counted from: the lists, pairs, sums and receipts of one generation, none of
which hold private recognitions, or hold them apart."""

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from pymongo.database import Database

from services.leaderboard.domain.boards import FLOWS
from services.leaderboard.domain.insights import Given
from services.leaderboard.domain.periods import Period
from services.leaderboard.domain.segments import WHOLE, Segment, View
from services.leaderboard.domain.spans import documents_of, total
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.repository import BoardReader
from services.leaderboard.repository.coverage import CoverageStore
from services.leaderboard.repository.large_standings import LargeStandings
from services.leaderboard.repository.pairs import PairReader, PairTotals
from services.leaderboard.repository.series import SeriesStore
from shared.mongo import Document


class Figures:
    """Reads a generation in one period; everything is bounded by what is asked for."""

    def __init__(
        self, db: Database[Document], reader: BoardReader, generation: str, period: Period
    ) -> None:
        self._reader = reader
        self._generation = generation
        self._period = period
        self._pairs = PairReader(db, generation)
        self._series = SeriesStore(db, generation)
        self._coverage = CoverageStore(db, generation)

    def active_on(self, board: str) -> int:
        """How many people who are active today stand on a board of people, hidden ones too."""
        return self._standings(board).active

    def scores(self, board: str, people: Collection[str]) -> dict[str, int]:
        """The scores of those of `people` who stand on a board, with a rank or without."""
        return _scores(self._standings(board), people)

    def histogram(self, board: str, segment: Segment = WHOLE) -> Mapping[int, int]:
        """How many people who take a rank have each score."""
        return self._standings(board, segment=segment).histogram

    def flow_total(self, board: str, segment: Segment = WHOLE) -> int:
        """All that flowed; from one team, of a segment."""
        histogram = self._standings(board, FLOWS, segment).histogram
        return sum(score * count for score, count in histogram.items())

    def flows(
        self, board: str, after: Place | None, count: int, segment: Segment = WHOLE
    ) -> list[Place]:
        """Up to `count` flows that follow a place, the largest first."""
        return self._standings(board, FLOWS, segment).after(after, count)

    def flows_of(
        self, board: str, flows: Iterable[str], segment: Segment = WHOLE
    ) -> dict[str, int]:
        """How much flowed in each of some flows (`team:a>team:b`)."""
        return self._standings(board, FLOWS, segment).find_all(flows)

    def given_by(self, givers: Collection[str]) -> Given:
        """What each of `givers` gave to whom."""
        return self._pairs.given_by(self._period.id, givers)

    def pair_totals(self) -> PairTotals:
        """The pairs of the whole organisation."""
        return self._pairs.totals(self._period.id)

    def totals(self, scopes: Iterable[str], last_year: int) -> Mapping[str, int]:
        """The sum of each metric of series over `scopes`."""
        names = chain.from_iterable(documents_of(s, self._period, last_year) for s in scopes)
        return total(self._series.read(names), self._period)

    def covered(self, first: str, last: str) -> tuple[int, int]:
        """How many active people there are, and how many received something between two days."""
        return self._coverage.covered(first, last)

    def last_days(self, people: Iterable[str]) -> Mapping[str, str]:
        """The last day on which each of `people` received anything, as far as they did."""
        return self._coverage.last_days(people)

    def _standings(self, board: str, by: str = "people", segment: Segment = WHOLE) -> Standings:
        return self._reader.read(self._generation, View(board, self._period.id, by, segment))


def _scores(standings: Standings, people: Iterable[str]) -> dict[str, int]:
    if isinstance(standings, LargeStandings):
        return standings.find_every(people)
    found = {ref: standings.find(ref)[0] for ref in people}
    return {ref: score for ref, score in found.items() if score}
