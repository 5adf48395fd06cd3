"""How many active people belong to each team and partner today, as trends ask for it."""

from dataclasses import dataclass, field

from pymongo.database import Database

from services.leaderboard.domain.privacy import NOBODY
from services.leaderboard.domain.team_sizes import ORGANISATION
from services.leaderboard.repository.team_sizes import TeamSizes
from shared.mongo import Document
from shared.references import kind_of

_TEAMS = {"ref": {"$gt": "team:", "$lt": "team;"}}


@dataclass(frozen=True, slots=True)
class Headcount:
    """The sizes (domain/privacy.py) as of a `revision`, which grows with every change of the
    directory; 0: nothing was counted yet."""

    revision: int = 0
    sizes: dict[str, int] = field(default_factory=dict)


class Headcounts:
    """Reads the sizes of teams and partners, and the teams."""

    def __init__(self, db: Database[Document]) -> None:
        self._sizes = TeamSizes(db)
        self._revisions = db["revisions"]
        self._directory = db["directory"]
        self._known = Headcount(-1)

    def today(self) -> Headcount:
        """How many there are now; counted once for each revision."""
        stored = self._revisions.find_one({"_id": "directory"}, {"revision": 1})
        revision = int(stored["revision"]) if stored else 0
        if self._known.revision != revision:
            self._known = self._count(revision)
        return self._known

    def _count(self, revision: int) -> Headcount:
        every = self._sizes.every(revision)
        sizes = {ref: size.own for ref, size in every.items() if size.own and ref != ORGANISATION}
        everybody = every[ORGANISATION].own if ORGANISATION in every else 0
        nobody = everybody - sum(n for ref, n in sizes.items() if kind_of(ref) == "team")
        return Headcount(revision, {**sizes, NOBODY: nobody} if nobody > 0 else sizes)

    def teams(self) -> dict[str, Document]:
        """Every team of the directory: its name, and those above it."""
        found = self._directory.find(_TEAMS, {"name": 1, "ancestors": 1})
        return {team["_id"]: team for team in found}
