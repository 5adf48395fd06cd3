"""Which figures a scope of trends means, and who may see them."""

from collections.abc import Iterable
from dataclasses import dataclass

from pymongo.database import Database

from services.leaderboard.domain.privacy import FEWEST, counting_private, sizes_of_groups
from services.leaderboard.domain.series import ORG
from services.leaderboard.repository.headcounts import Headcount, Headcounts
from services.leaderboard.repository.reports import Reports
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.mongo import Document
from shared.references import id_of, is_id, kind_of
from shared.web.parsing import invalid
from shared.web.problems import Forbidden, NotFound

MOST_IN_LINE = 1000
"""The most people that a line may have."""

SCOPES = "org, team:ID, line:ID, person:ID, partner:ID (me stands for the caller)"
_NAMED = 50


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope as it was asked for, and the series that it is the sum of; `is_own`: the caller's."""

    name: str
    series: list[str]
    sub_teams: bool | None = None
    is_own: bool = False

    @property
    def ref(self) -> str | None:
        """The team, person or partner whose it is."""
        if self.name == ORG:
            return None
        kind, _, identifier = self.name.partition(":")
        return f"person:{identifier}" if kind == "line" else self.name


class TrendScopes:
    """Resolves scopes against the directory of today."""

    def __init__(self, db: Database[Document]) -> None:
        self._reports = Reports(db)
        self._headcounts = Headcounts(db)
        self._groups = Groups()
        self._counting: tuple[tuple[int, int], frozenset[str]] = ((0, 0), frozenset())

    def resolve(self, caller: Caller, text: str, sub_teams: bool | None) -> Scope:
        """The scope that `text` means to `caller`.

        Raises NotFound for what there is not, Forbidden for what is not theirs to see, and
        Unprocessable for a line that is too long.
        """
        if caller.partner is not None:
            raise Forbidden("People of a partner see no trends of the organisation")
        kind, identifier = _parsed(text, caller)
        if sub_teams is not None and kind != "team":
            raise invalid({"sub_teams": ["goes with the scope of a team only"]}, "query")
        match kind:
            case "person":
                return self._person(caller, f"person:{identifier}")
            case "line":
                return self._line(caller, f"person:{identifier}")
        groups = self._groups_today()
        if kind == "team":
            return self._team(caller, f"team:{identifier}", sub_teams is not False, groups)
        if kind == "partner":
            return self._partner(caller, f"partner:{identifier}")
        people = groups.sizes[ORG]
        if people < FEWEST and not self._manages_all(caller, people):
            raise _too_few("The organisation")
        return Scope(ORG, [ORG])

    def counts_private(self, scope: Scope, places: set[str]) -> bool:
        """Whether figures of `scope`, resolved just now, count private recognitions; `places` as
        its series keep them, read after them."""
        if kind_of(scope.name) in ("person", "line"):
            return scope.is_own
        groups = self._groups
        key = (groups.revision, len(places))  # places are only ever added
        if self._counting[0] != key:
            self._counting = (key, counting_private(groups.paths(), groups.own_sizes, places))
        return scope.series[0] in self._counting[1]

    def _person(self, caller: Caller, person: str) -> Scope:
        is_own = caller.person == person
        if self._reports.entry(person) is None and not is_own:
            raise NotFound(f"There is no {person} in the directory")
        if not is_own and not self._may_see(caller, person):
            raise Forbidden(
                f"The trends of {person} are for themselves, their managers and insights:read"
            )
        return Scope(person, [person], is_own=is_own)

    def _line(self, caller: Caller, manager: str) -> Scope:
        if self._reports.entry(manager) is None:
            raise NotFound(f"There is no {manager} in the directory")
        if caller.person != manager and not self._may_see(caller, manager):
            raise Forbidden(
                f"The trends of the line of {manager} are for themselves, their managers and "
                "insights:read"
            )
        line = self._reports.line_of(manager, MOST_IN_LINE)
        if len(line) > MOST_IN_LINE:
            limit = f"a line may have {MOST_IN_LINE:,} people; take team:ID or org"
            raise invalid({"scope": [limit]}, "query")
        return Scope(f"line:{id_of(manager)}", line)

    def _team(self, caller: Caller, team: str, sub_teams: bool, groups: "Groups") -> Scope:
        if team not in groups.teams:
            raise NotFound(f"There is no {team}; {_named('teams', groups.teams)}")
        series = f"tree:{id_of(team)}" if sub_teams else team
        if groups.sizes.get(series, 0) < FEWEST and not caller.has(scopes.INSIGHTS_READ):
            within = [team]
            if sub_teams:
                within += [ref for ref, each in groups.teams.items() if team in each["ancestors"]]
            if not self._manages(caller, [each for each in within if groups.own_sizes.get(each)]):
                raise _too_few(f"{team}{' with its sub-teams' if sub_teams else ''}")
        return Scope(team, [series], sub_teams)

    def _partner(self, caller: Caller, partner: str) -> Scope:
        if not caller.has(scopes.INSIGHTS_READ):
            raise Forbidden("The trends of a partner need the scope insights:read")
        if self._reports.entry(partner) is None:
            raise NotFound(f"There is no {partner} in the directory")
        return Scope(partner, [partner])

    def _may_see(self, caller: Caller, person: str) -> bool:
        """Whether figures of `person` are the caller's to see, as their manager or by scope."""
        if caller.has(scopes.INSIGHTS_READ):
            return True
        return caller.person is not None and self._reports.is_above(caller.person, person)

    def _manages(self, caller: Caller, groups: Iterable[str]) -> bool:
        """Whether everybody else in the groups reports to the caller, and somebody does."""
        if caller.person is None:
            return False
        members = {member for group in groups for member in self._reports.members_of(group)}
        others = members - {caller.person}
        return bool(others) and all(
            self._reports.is_above(caller.person, member) for member in others
        )

    def _manages_all(self, caller: Caller, people: int) -> bool:
        if caller.has(scopes.INSIGHTS_READ):
            return True
        if caller.person is None:
            return False
        line = self._reports.line_of(caller.person, FEWEST)
        return bool(line) and len({caller.person, *line}) >= people

    def _groups_today(self) -> "Groups":
        headcount = self._headcounts.today()
        groups = self._groups
        if headcount.revision != groups.revision:
            self._groups = groups = Groups(headcount, self._headcounts.teams())
        return groups


class Groups:
    """The teams, and how many active people each group has, as of a revision of the directory."""

    def __init__(
        self, headcount: Headcount | None = None, teams: dict[str, Document] | None = None
    ) -> None:
        headcount = headcount or Headcount()
        self.revision = headcount.revision
        self.own_sizes = headcount.sizes
        self.teams = teams or {}
        self.sizes = sizes_of_groups(self.paths(), headcount.sizes)

    def paths(self) -> list[list[str]]:
        """Every team with those above it, nearest first."""
        return [[ref, *each["ancestors"]] for ref, each in self.teams.items()]


def _parsed(text: str, caller: Caller) -> tuple[str, str]:
    kind, colon, identifier = text.partition(":")
    if text == ORG:
        return ORG, ""
    if colon and kind in ("person", "line") and identifier == "me" and caller.person:
        return kind, id_of(caller.person)
    if not colon or kind not in ("team", "line", "person", "partner") or not is_id(identifier):
        raise NotFound(f"There is no scope {text[:100]!r}; there are: {SCOPES}")
    return kind, identifier


def _named(what: str, refs: Iterable[str]) -> str:
    names = sorted(map(id_of, refs))
    if not names:
        return f"there are no {what} yet"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"there are: {', '.join(names[:_NAMED])}{more}"


def _too_few(whose: str) -> Forbidden:
    return Forbidden(
        f"{whose} has fewer than {FEWEST} active people: such figures are only for whoever "
        "manages all of them, and for insights:read"
    )
