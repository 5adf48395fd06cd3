"""Everything that the leaderboard asks of its database, and the indexes that it takes.

generations    {"_id", "state": "building" | "live" | "retired", "timezone", "format",
               "created_at", "offsets": {"topic/partition": next}, "applied_at", "as_of"}
contributions_<generation>  {"_id": recognition, "version", "contribution": {...} | null}
lists_<generation>  {"_id": list, "revision", "cells" (cells.py)} while it is small, then
               {..., "outgrown": whom it ranks, "scores": {"<score>": how many who take a rank},
               "hidden", "directed", "mutual", "most", "blocks"}
counters_<generation>  {"_id": "<list>|<subject>", "list", "subject", "score", "ranked", "hidden"}
               of the lists that outgrew it
gifts_<generation>  {"_id": "<list>|<number>", "cells"}: a block of what people gave on those of
               them that count pairs (domain/gifts.py)
series_<generation>  {"_id": "<scope>|<month or year>", "cells"} (repository/series.py)
directory, api_keys, offsets   replicas and how far they are (shared/replica.py)
revisions      {"_id": "directory", "revision", "fences": [[first id, entries], ...]}: the
               revision grows whenever the replica changes
team_sizes     {"_id": team, partner or "organisation", "own", "tree"}: how many people each has
               (repository/team_sizes.py)
milestones     what people reached, for ever (repository/milestones.py)
milestone_months  {"_id": "2026-10", "done_at"}: months whose kept promises were looked at
api_key_uses   when keys were last used here (shared/key_uses.py)
leases         who is the active projector
"""

from services.leaderboard.repository.boards import BoardReader
from services.leaderboard.repository.generations import FORMAT, Generation, Generations
from services.leaderboard.repository.indexes import ensure_indexes
from services.leaderboard.repository.store import MongoStore, Store

__all__ = [
    "FORMAT",
    "BoardReader",
    "Generation",
    "Generations",
    "MongoStore",
    "Store",
    "ensure_indexes",
]
