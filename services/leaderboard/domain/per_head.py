"""Boards of teams per head: credits divided by how many active people a team has today."""

from collections.abc import Mapping
from typing import Any

from services.leaderboard.domain.standings import SmallStandings, Standings

FEWEST = 3
"""Teams of fewer active people take no rank: one of them is half of it and more."""

MOST_TEAMS = 10_000
"""So many teams of a board are divided at most, those with most credits first."""

_SCALE = 10_000
"""Scores are ten-thousandths of a credit per head: whole numbers, as those of every board."""


class HeadStandings(SmallStandings):
    """The standings of the teams of a board by credits per head; `members`: {team: people}.

    Scores are ten-thousandths of a credit per head, so that what reads the same ties.
    """

    def __init__(self, standings: Standings, members: Mapping[str, int]) -> None:
        self.credits = {team: score for score, team in standings.after(None, MOST_TEAMS)}
        self.members = {team: members.get(team, 0) for team in self.credits}
        super().__init__(
            {
                team: round(_SCALE * score / self.members[team])
                for team, score in self.credits.items()
                if self.members[team] >= FEWEST
            }
        )

    def shown(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry of these standings with its credits, its people and what falls to each."""
        team = entry["subject"]
        return {
            **entry,
            "score": self.credits[team],
            "members": self.members[team],
            "per_head": entry["score"] / _SCALE,
        }

    def left_out(self) -> list[dict[str, Any]]:
        """The teams that take no rank here, with why."""
        return [
            {
                "subject": team,
                "score": score,
                "members": self.members[team],
                "reason": f"{self.members[team]} active today; from {FEWEST} on a team is ranked "
                "per head",
            }
            for team, score in sorted(self.credits.items())
            if self.members[team] < FEWEST
        ]
