"""What is folded beside the boards, in the same transaction."""

from pymongo.database import Database

from services.leaderboard.coverage import Coverage
from services.leaderboard.folder import Part
from services.leaderboard.series import Series
from shared.mongo import Document


def parts_of(db: Database[Document], generation: str) -> list[Part]:
    """The parts of a generation."""
    return [Series(db, generation), Coverage(db, generation)]
