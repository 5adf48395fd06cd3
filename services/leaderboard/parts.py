"""What is folded beside the boards, in the same transaction."""

from pymongo.database import Database

from services.leaderboard.batch import Part
from services.leaderboard.coverage import Coverage
from services.leaderboard.milestones.recording import Milestones
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.series import Series
from shared.mongo import Document


def parts_of(db: Database[Document], generation: str, milestones: Milestones) -> list[Part]:
    """The parts of a generation; `milestones` are of all generations together."""
    return [Series(SeriesStore(db, generation)), Coverage(db, generation), milestones]
