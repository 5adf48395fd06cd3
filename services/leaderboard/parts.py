"""What is folded beside the boards, in the same transaction."""

from pymongo.database import Database

from services.leaderboard.batch import Part
from services.leaderboard.coverage import Coverage
from services.leaderboard.milestones.recording import Milestones
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.series import Series
from shared.mongo import Document


def parts_of(
    db: Database[Document],
    generation: str,
    milestones: Milestones,
    series: SeriesStore | None = None,
) -> list[Part]:
    """The parts of a generation, its series in the store `series` if that is given; `milestones`
    are of all generations together."""
    series = series or SeriesStore(db, generation)
    return [Series(series), Coverage(db, generation), milestones]
