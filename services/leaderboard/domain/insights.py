"""The formulas of insights: each says what it counts, and where that comes from (docs/insights.md).

Pure: numbers in, figures out. A share is a number from 0 to 1, None where there is nothing to share.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from services.leaderboard.domain.figures import PairTotals
from services.leaderboard.domain.insight_rights import Kind

Figures = dict[str, Any]

NOBODYS_TEAM = "none"
"""In a flow: people without a team."""

DIRECTIONS = ("up", "down", "sideways", "to_partners", "from_partners")


@dataclass(frozen=True, slots=True)
class Insight:
    """An insight: what it says in words, where its formula comes from, of whom it can be asked."""

    definition: str
    source: str
    scopes: tuple[Kind, ...]


_OWN = "Kudos' own definition"

INSIGHTS: dict[str, Insight] = {
    "participation": Insight(
        "Share of the people active today (technical accounts left out) who gave thanks, received "
        "thanks, or did either in the period. In a line also the share of the direct reports whom "
        "their manager thanked, for that manager and insights:read.",
        _OWN,
        ("org", "team", "line"),
    ),
    "coverage": Insight(
        "The people active today who received no thanks on the last `days` days, today included. "
        "Named to the managers above them, by line, and to insights:read, by line or team.",
        _OWN,
        ("org", "team", "line"),
    ),
    "flows": Insight(
        "Credits from the giver's team or partner to the recipient's, as they were when it was "
        "accepted. `crossing_share`: of the credits between people who belong somewhere, those "
        "that went to another team or partner. Groups of fewer than 5 active people are left out "
        "of the rows, but for whom manages them; `not_shown` is the rest.",
        f"{_OWN}; the matrix is the weighted adjacency matrix of a network of groups (Wasserman "
        "and Faust, Social Network Analysis, 1994)",
        ("org", "team"),
    ),
    "direction": Insight(
        "Shares of the credits given that went up the giver's line of managers (at any distance), "
        "down it, sideways (between people of whom neither stands above the other), to partners "
        "and from partners. `other`: to teams as a whole, between partners, or given before "
        "Kudos noted the direction, which it does when a thank-you is accepted.",
        _OWN,
        ("org", "team", "line", "person"),
    ),
    "reciprocity": Insight(
        "`share_of_pairs`: mutual / (mutual + one-way) of the pairs of people of whom at least one "
        "thanked the other in the period. `share_of_links`: 2 mutual / (2 mutual + one-way), the "
        "share of directed links that are returned. In a line or team: pairs of which both belong "
        "to it today. Of a person: the share of those who thanked them whom they thanked too.",
        "Share of pairs: the dyad census of Wasserman and Faust, Social Network Analysis (1994); "
        "share of links: Newman, Networks: An Introduction (2010), section 7.10",
        ("org", "team", "line", "person"),
    ),
    "concentration": Insight(
        "`top_tenth_share`: the share of all credits received that the tenth of the recipients "
        "with most of them (rounded up) received. In the organisation, people who take no rank "
        "are not among the recipients. `most_thanked_share`: of all credits between people, those "
        "that each giver gave to the one person whom they thanked most; of the organisation.",
        "Top tenth: the top-decile share of income statistics; most thanked: Kudos' own definition",
        ("org", "team", "line"),
    ),
    "promises": Insight(
        "Promises by the day last promised for: kept, late, open; `moved_in_time`: moved, each "
        "time before it was due. Shares are of those that are not open. By provider (the team or "
        "partner of who promised) and customer (that of who asked); groups as in flows. "
        "`responded_in_time` and `fulfilled_in_time`: of the pleases with a service level that has "
        "such a time and is settled, those that met it.",
        f"{_OWN}, after the terms of service level agreements (docs/service-levels.md)",
        ("org", "team", "line", "person"),
    ),
}


def share(part: int, whole: int) -> float | None:
    """`part` of `whole`, to four places."""
    return round(part / whole, 4) if whole else None


def participation(active: int, gave: int, received: int, either: int) -> Figures:
    """See INSIGHTS."""
    return {
        "active": active,
        "gave": gave,
        "gave_share": share(gave, active),
        "received": received,
        "received_share": share(received, active),
        "either": either,
        "either_share": share(either, active),
    }


def own_thanks(
    manager: str, direct: Collection[str], thanked_by: Mapping[str, Mapping[str, int]]
) -> Figures:
    """The direct reports whom their manager thanked."""
    thanked = sum(bool(thanked_by.get(report, {}).get(manager)) for report in direct)
    return {
        "direct_reports": len(direct),
        "direct_reports_thanked": thanked,
        "direct_reports_thanked_share": share(thanked, len(direct)),
    }


def coverage(active: int, covered: int) -> Figures:
    """See INSIGHTS."""
    nothing = active - covered
    return {
        "active": active,
        "received_nothing": nothing,
        "received_nothing_share": share(nothing, active),
    }


def crossing(total: int, within: int, unknown: int) -> Figures:
    """Of `total` credits: `within` a team or partner, `unknown` from or to people without any."""
    known = total - unknown
    return {
        "credits": total,
        "within": within,
        "crossing": known - within,
        "crossing_share": share(known - within, known),
        "without_team": unknown,
    }


def direction(totals: Mapping[str, int]) -> Figures:
    """See INSIGHTS; `totals` has the credits `given` and those of each of DIRECTIONS."""
    given = totals.get("given", 0)
    parts = {name: totals.get(name, 0) for name in DIRECTIONS}
    # What comes from partners is given by none of the organisation's own people or teams.
    parts["other"] = given - sum(parts.values())
    shares = {f"{name}_share": share(number, given) for name, number in parts.items()}
    return {"given": given, **parts, **shares}


def reciprocity(directed: int, mutual: int) -> Figures:
    """See INSIGHTS; `directed` links, of which `mutual` pairs have one each way."""
    pairs = directed - mutual
    return {
        "pairs": pairs,
        "mutual": mutual,
        "share_of_pairs": share(mutual, pairs),
        "share_of_links": share(2 * mutual, directed),
    }


def pairs_within(
    people: Collection[str], thanked_by: Mapping[str, Mapping[str, int]]
) -> tuple[int, int]:
    """(directed links, mutual pairs) among `people`, of whom `thanked_by` tells who thanked them."""
    inside = set(people)
    links = {
        (giver, recipient)
        for recipient in inside
        for giver, credits in thanked_by.get(recipient, {}).items()
        if credits and giver in inside
    }
    mutual = sum((recipient, giver) in links for giver, recipient in links) // 2
    return len(links), mutual


def returned(person: str, thanked_by: Mapping[str, Mapping[str, int]]) -> Figures:
    """Of those who thanked `person`, whom that person thanked; `thanked_by` tells it of all."""
    givers = [giver for giver, credits in thanked_by.get(person, {}).items() if credits]
    back = sum(bool(thanked_by.get(giver, {}).get(person)) for giver in givers)
    return {
        "thanked_by": len(givers),
        "thanked_back": back,
        "thanked_back_share": share(back, len(givers)),
    }


def top_tenth(histogram: Mapping[int, int]) -> Figures:
    """The share of the tenth with most credits, by how many people have each score."""
    people = sum(histogram.values())
    credits = sum(score * count for score, count in histogram.items())
    top = ceil(people / 10)
    left, held = top, 0
    for score in sorted(histogram, reverse=True):
        taken = min(left, histogram[score])
        left, held = left - taken, held + taken * score
    return {
        "recipients": people,
        "credits": credits,
        "top_tenth": top,
        "top_tenth_share": share(held, credits),
    }


def most_thanked(totals: PairTotals | None) -> Figures:
    """The share that goes to the person whom each giver thanks most; None: not of this scope."""
    if totals is None:
        return {"most_thanked_share": None}
    return {"most_thanked_share": share(totals.to_most_thanked, totals.credits)}


def promises(promised: int, kept: int, late: int, moved: int) -> Figures:
    """See INSIGHTS."""
    settled = kept + late
    return {
        "promised": promised,
        "kept": kept,
        "kept_share": share(kept, settled),
        "late": late,
        "late_share": share(late, settled),
        "open": promised - settled,
        "moved_in_time": moved,
    }


def service_levels(totals: Mapping[str, int]) -> Figures:
    """Pleases against their service levels: those that met a time, of those that are settled."""
    figures: Figures = {}
    for act in ("responded", "fulfilled"):
        met, missed = totals.get(f"{act}_in_time", 0), totals.get(f"{act}_too_late", 0)
        figures[f"{act}_in_time"] = met
        figures[f"{act}_too_late"] = missed
        figures[f"{act}_in_time_share"] = share(met, met + missed)
    return figures
