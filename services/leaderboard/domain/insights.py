"""The formulas of insights: each says what it counts, and where that comes from (docs/insights.md).

Pure: numbers in, figures out. A share goes from 0 to 1; None where there is nothing to share.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from services.leaderboard.domain.insight_metrics import DIRECTIONS, MET_OR_MISSED, MOVED

Kind = Literal["org", "team", "line", "person"]

Figures = dict[str, Any]

Given = Mapping[str, Mapping[str, int]]
"""{giver: {person: credits}}."""


@dataclass(frozen=True, slots=True)
class Insight:
    """An insight: what it says in words, where its formula comes from, of whom it can be asked."""

    definition: str
    source: str
    scopes: tuple[Kind, ...]


_OWN = "Kudos' own definition"

INSIGHTS: dict[str, Insight] = {
    "participation": Insight(
        "Share of the people active today (those of partners too; no technical accounts) who gave "
        "thanks, received thanks, or did either in the period. In a line also the share of the "
        "direct reports whom their manager thanked, for that manager and insights:read.",
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
        "accepted; of a team: what it and the teams below gave. `crossing_share`: those of them "
        "that went to another team or partner; what people without a team give or receive "
        "crosses. Groups of fewer than 5 active people are left out of the rows, but for whoever "
        "manages them; `not_shown` is what the rows leave out.",
        f"{_OWN}; the rows are the weighted adjacency matrix of a network of groups (Wasserman "
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
        "to it today. Of a person: the share of those whom they thanked who thanked them too.",
        "Share of pairs: the dyad census of Wasserman and Faust, Social Network Analysis (1994); "
        "share of links: Newman, Networks: An Introduction (2010), section 7.10",
        ("org", "team", "line", "person"),
    ),
    "concentration": Insight(
        "`top_tenth_share`: the share of all credits received that the tenth of the recipients "
        "with most of them (rounded up) received; of the organisation: among those who take a "
        "rank, of a team or line: among its people of today. `most_thanked_share`: of the credits "
        "given to people, those that each giver gave to the one person whom they thanked most.",
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


def own_thanks(direct: Collection[str], given: Mapping[str, int]) -> Figures:
    """The direct reports whom their manager thanked, by what the manager gave to whom."""
    thanked = sum(bool(given.get(report)) for report in direct)
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


def crossing(total: int, within: int) -> Figures:
    """Of `total` credits those `within` a team or partner, and those that crossed."""
    return {
        "credits": total,
        "within": within,
        "crossing": total - within,
        "crossing_share": share(total - within, total),
    }


def direction(totals: Mapping[str, int]) -> Figures:
    """See INSIGHTS; `totals` has the credits `given` and those of each of DIRECTIONS."""
    given = totals.get("given", 0)
    parts = {name: totals.get(name, 0) for name in DIRECTIONS}
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


def pairs_within(people: Collection[str], given: Given) -> tuple[int, int]:
    """(directed links, mutual pairs) among `people`, of each of whom `given` has what they gave."""
    inside = set(people)
    links = {
        (giver, recipient)
        for giver in inside
        for recipient, credits in given.get(giver, {}).items()
        if credits and recipient in inside
    }
    mutual = sum((recipient, giver) in links for giver, recipient in links) // 2
    return len(links), mutual


def returned(person: str, given: Given) -> Figures:
    """Of those whom `person` thanked, who thanked that person; `given`: what all of them gave."""
    thanked = [ref for ref, credits in given.get(person, {}).items() if credits]
    back = sum(bool(given.get(ref, {}).get(person)) for ref in thanked)
    return {
        "thanked": len(thanked),
        "thanked_back": back,
        "thanked_back_share": share(back, len(thanked)),
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


def most_thanked(most: int, credits: int) -> Figures:
    """The share, of `credits` between people, that goes to whom each giver thanks most."""
    return {"most_thanked_share": share(most, credits)}


def most_thanked_by(given: Given) -> Figures:
    """The same of some givers, by what they gave to whom."""
    most = sum(max(gifts.values(), default=0) for gifts in given.values())
    return most_thanked(most, sum(sum(gifts.values()) for gifts in given.values()))


def promises(totals: Mapping[str, int]) -> Figures:
    """See INSIGHTS; `totals` has what was `promised`, `kept`, `late` and moved in time."""
    promised, kept, late = (totals.get(name, 0) for name in ("promised", "kept", "late"))
    settled = kept + late
    return {
        "promised": promised,
        "kept": kept,
        "kept_share": share(kept, settled),
        "late": late,
        "late_share": share(late, settled),
        "open": promised - settled,
        "moved_in_time": totals.get(MOVED, 0),
    }


def service_levels(totals: Mapping[str, int]) -> Figures:
    """Pleases against their service levels: those that met a time, of those that are settled."""
    figures: Figures = {}
    for names in MET_OR_MISSED.values():
        met, missed = (totals.get(name, 0) for name in names)
        figures |= {names[0]: met, names[1]: missed, f"{names[0]}_share": share(met, met + missed)}
    return figures
