"""What of an insight is shown to whom; who may ask of which scope says trend_scopes.py, for trends
and insights alike.

Names of people are for the managers above them and for `insights:read`; groups of fewer than
FEWEST active people are left out of a breakdown but for whoever manages all of them.
"""

from collections.abc import Mapping, Set

from services.leaderboard.domain.insights import Kind
from services.leaderboard.domain.privacy import FEWEST


def may_name(kind: Kind, *, sees_all: bool) -> bool:
    """Whether the people of a scope, which the caller may ask of, may be named to them: those of a
    line, to its manager and the managers above; those of a team, to `insights:read` (`sees_all`).
    The organisation is counted without looking at each."""
    return kind == "line" or (kind == "team" and sees_all)


def may_see_own_thanks(manager: str, caller: str | None, *, sees_all: bool) -> bool:
    """Whether the share of direct reports whom `manager` thanked is shown: to that manager alone,
    and to `insights:read`."""
    return sees_all or caller == manager


def left_out(sizes: Mapping[str, int], seen: Set[str] = frozenset()) -> frozenset[str]:
    """The groups (of so many active people) that a breakdown does not show: those that are too
    small, but for those that may be `seen`. Where all of these together are too small still, the
    smallest others with them, as what is left out is the difference of two figures."""
    hidden = {ref for ref, size in sizes.items() if size < FEWEST and ref not in seen}
    others = sorted((size, ref) for ref, size in sizes.items() if ref not in hidden | seen)
    people = sum(sizes[ref] for ref in hidden)
    while hidden and people < FEWEST and others:
        size, ref = others.pop(0)
        hidden.add(ref)
        people += size
    return frozenset(hidden)
