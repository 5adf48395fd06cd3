"""Figures by team and partner: which groups there are, and which of them a caller is shown."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pymongo.database import Database

from services.leaderboard.domain.credits import NOBODY
from services.leaderboard.domain.insight_rights import left_out
from services.leaderboard.domain.privacy import FEWEST
from services.leaderboard.domain.privacy import NOBODY as NOBODYS_SIZE
from services.leaderboard.domain.standings import Place
from services.leaderboard.insight_question import Question
from services.leaderboard.repository.headcounts import Headcounts
from services.leaderboard.repository.reports import Reports
from shared.auth.caller import Caller
from shared.mongo import Document
from shared.web.parsing import invalid

MOST_ROWS = 200
MOST_MEMBERS = 5_000
"""The most people of a team who are looked at one by one."""

_PARTNERS = {"ref": {"$gt": "partner:", "$lt": "partner;"}}
_PAGES = 5
Row = tuple[str, str, int]
"""(from, to, how much)."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The teams ({team: those above it}) and partners, and how many active people each has by
    itself."""

    teams: Mapping[str, Collection[str]]
    partners: Collection[str]
    sizes: Mapping[str, int]

    def within(self, team: str | None) -> list[str]:
        """A team and those below it; every group when None."""
        if team is None:
            return [*self.teams, *self.partners]
        return [ref for ref, above in self.teams.items() if team == ref or team in above]

    def to_themselves(self, groups: Collection[str]) -> list[str]:
        """The flows from each of `groups` to itself."""
        return [f"{group}>{group}" for group in groups]

    def size(self, group: str) -> int:
        """How many active people a group has by itself."""
        return self.sizes.get(NOBODYS_SIZE if group == NOBODY else group, 0)


class Breakdown:
    """Breaks figures down by group, for a caller."""

    def __init__(self, db: Database[Document]) -> None:
        self._directory = db["directory"]
        self._headcounts = Headcounts(db)
        self._reports = Reports(db)

    def groups(self) -> Groups:
        """The groups of today."""
        teams = {ref: team["ancestors"] for ref, team in self._headcounts.teams().items()}
        partners = [partner["_id"] for partner in self._directory.find(_PARTNERS, {"_id": 1})]
        return Groups(teams, partners, self._headcounts.today().sizes)

    def members(self, team: str) -> list[str]:
        """The active people of a team and of those below it. Raises Unprocessable for more than
        MOST_MEMBERS."""
        groups = self.groups()
        teams = groups.within(team)
        people = sum(map(groups.size, teams))
        if people > MOST_MEMBERS:
            limit = f"{team} has {people:,} people; at most {MOST_MEMBERS:,} are looked at"
            raise invalid({"scope": [f"{limit}: take a team below it, or org"]}, "query")
        return sorted(member for each in teams for member in self._reports.members_of(each))

    def rows(self, question: Question, groups: Groups, board: str) -> list[Row]:
        """The largest flows of a list of flows, without those of groups that are too small for the
        caller to see: MOST_ROWS at most."""
        found = list(_read(question, board))
        if not question.sees_all:
            ends = {end for _, flow in found for end in flow.split(">")}
            sizes = {end: groups.size(end) for end in ends}
            hidden = left_out(sizes, self._seen(question.caller, sizes))
            found = [place for place in found if hidden.isdisjoint(place[1].split(">"))]
        return [(*_ends(flow), number) for number, flow in found[:MOST_ROWS]]

    def _seen(self, caller: Caller, sizes: Mapping[str, int]) -> frozenset[str]:
        """The small groups that the caller manages: everybody else in them is in their line."""
        if caller.person is None or not self._reports.direct_reports(caller.person, 1):
            return frozenset()
        small = [group for group, size in sizes.items() if 0 < size < FEWEST and group != NOBODY]
        return frozenset(group for group in small if self._manages(caller.person, group))

    def _manages(self, manager: str, group: str) -> bool:
        others = [ref for ref in self._reports.members_of(group) if ref != manager]
        return bool(others) and all(self._reports.is_above(manager, ref) for ref in others)


def _read(question: Question, board: str) -> Iterator[Place]:
    last: Place | None = None
    for _ in range(_PAGES):
        places = question.figures.flows(board, last, MOST_ROWS, question.segment)
        yield from places
        if len(places) < MOST_ROWS:
            return
        last = places[-1]


def _ends(flow: str) -> tuple[str, str]:
    giver, _, recipient = flow.partition(">")
    return giver, recipient
