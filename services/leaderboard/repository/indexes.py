"""The indexes of what generations share; each makes those of its own collections."""

from pymongo import ASCENDING
from pymongo.database import Database

from services.leaderboard.repository.milestones import ensure_milestone_indexes
from shared.key_uses import UntoldUses
from shared.mongo import Document


def ensure_indexes(db: Database[Document]) -> None:
    """Create those that are missing; harmless when another process does so at the same time."""
    db["generations"].create_index("state")
    # Two projectors that start at once must not make two live generations.
    db["generations"].create_index(
        "state", name="one_live", unique=True, partialFilterExpression={"state": "live"}
    )
    db["directory"].create_index("email_key")
    db["directory"].create_index("ref")
    db["directory"].create_index("changed_in")
    db["directory"].create_index("manager")
    for group in ("team", "partner"):
        db["directory"].create_index([(group, ASCENDING), ("active", ASCENDING)])
    ensure_milestone_indexes(db)
    UntoldUses(db).ensure_indexes()
