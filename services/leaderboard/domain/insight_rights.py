"""Who may see which insight: pure rules (docs/insights.md).

Everybody of the organisation sees figures of the whole and of teams of SMALLEST_GROUP active
people or more; a manager their own line, at whatever depth, and everybody in it; a person
themselves; `insights:read` everything; people of partners nothing.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from shared.references import parse_reference

SMALLEST_GROUP = 5
"""Active people whom a figure must be of, unless it is shown to their manager."""

Kind = Literal["org", "team", "line", "person"]
KINDS: tuple[Kind, ...] = ("org", "team", "line", "person")
ACCEPTED = "org, team:core, line:ada (line:me) or person:ada (person:me)"


class ScopeError(ValueError):
    """A text that names no scope; the message says what would."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Of whom figures are: `ref` is a team (with its sub-teams), whoever heads a line, a person."""

    kind: Kind
    ref: str = ""

    def __str__(self) -> str:
        """As it stands in answers."""
        return f"{self.kind}:{self.ref.partition(':')[2]}" if self.ref else self.kind


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: `sees_all` with `insights:read`; `person` is None for a key of nobody's."""

    person: str | None
    sees_all: bool = False
    is_partners: bool = False


def parse_scope(text: str, me: str | None) -> Scope:
    """The scope that a text names; `me` stands for the caller. Raises ScopeError."""
    kind, colon, identifier = text.partition(":")
    if text == "org":
        return Scope("org")
    if not colon or kind not in ("team", "line", "person"):
        raise ScopeError(f"{text!r} is no scope: wanted {ACCEPTED}")
    if identifier == "me" and kind != "team":
        if me is None:
            raise ScopeError(f"this key stands for nobody, so there is no {text}")
        return Scope("line" if kind == "line" else "person", me)
    of = "team" if kind == "team" else "person"
    try:
        ref = parse_reference(f"{of}:{identifier}")
    except ValueError as error:
        raise ScopeError(f"{text!r} is no scope ({error}): wanted {ACCEPTED}") from None
    return Scope("team" if kind == "team" else "line" if kind == "line" else "person", ref)


def refusal(
    viewer: Viewer,
    scope: Scope,
    *,
    is_above: bool = False,
    size: int = 0,
    manages_all: bool = False,
) -> str | None:
    """Why the viewer may not see figures of a scope; None when they may.

    `is_above`: they stand above the person whose line or figures these are; `size`: active people
    of the organisation or team; `manages_all`: everybody else among them is in the viewer's line.
    """
    if viewer.is_partners:
        return "People of a partner see no insights of the organisation"
    if viewer.sees_all:
        return None
    if scope.kind in ("line", "person"):
        if is_above or (viewer.person is not None and viewer.person == scope.ref):
            return None
        whose = "a line" if scope.kind == "line" else "a person"
        return (
            f"Figures of {whose} are for themselves, for the managers above them and for whoever "
            "holds the scope insights:read"
        )
    if size < SMALLEST_GROUP and not manages_all:
        return (
            f"{scope} has fewer than {SMALLEST_GROUP} active people: its figures are for their "
            "manager and for whoever holds the scope insights:read"
        )
    return None


def may_name(viewer: Viewer, scope: Scope) -> bool:
    """Whether the people of a scope, which the viewer may see, may be named to them: those of a
    line, to its manager and the managers above; anybody to `insights:read`."""
    return viewer.sees_all or scope.kind == "line"


def may_see_own_thanks(viewer: Viewer, scope: Scope) -> bool:
    """Whether the share of direct reports whom their manager thanked is shown: to that manager
    alone, and to `insights:read`."""
    return scope.kind == "line" and (viewer.sees_all or viewer.person == scope.ref)


def left_out(sizes: Mapping[str, int], seen: Set[str] = frozenset()) -> frozenset[str]:
    """The groups (of active `sizes`) that a breakdown does not show: those that are too small, but
    for those that may be `seen`. Where all of these together are too small still, the smallest
    others with them, as what is left out is the difference of two figures."""
    hidden = {ref for ref, size in sizes.items() if size < SMALLEST_GROUP and ref not in seen}
    others = sorted((size, ref) for ref, size in sizes.items() if ref not in hidden)
    people = sum(sizes[ref] for ref in hidden)
    while hidden and people < SMALLEST_GROUP and others:
        size, ref = others.pop(0)
        hidden.add(ref)
        people += size
    return frozenset(hidden)
