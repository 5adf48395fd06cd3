"""The indexes that the leaderboard's queries take; a test holds each query to one."""

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.mongo import Document


def ensure_indexes(db: Database[Document]) -> None:
    """Create those that are missing; harmless when another process does so at the same time."""
    db["generations"].create_index("state")
    # Two projectors that start at once must not make two live generations.
    db["generations"].create_index(
        "state", name="one_live", unique=True, partialFilterExpression={"state": "live"}
    )
    db["counters"].create_index(
        [
            ("list", ASCENDING),
            ("ranked", ASCENDING),
            ("score", DESCENDING),
            ("subject", ASCENDING),
        ]
    )
    db["directory"].create_index("email")
