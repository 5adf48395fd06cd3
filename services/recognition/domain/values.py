"""The catalogue of values that a recognition may name (DESIGN section 4: internal customer
service). A value is retired, never deleted: what named it keeps it."""

from collections.abc import Iterable, Mapping
from typing import Any

Value = dict[str, Any]
"""A value as it is stored: {"_id", "id", "name", "description", "colour", "order", "retired",
"version"}."""

_STEP = 10
_DEFAULTS = (
    (
        "recognition",
        "Recognition",
        "Noticing what others do for us, and telling them so",
        "#ddcc77",
    ),
    (
        "initiative",
        "Initiative",
        "Doing what needs to be done before somebody has to ask for it",
        "#cc6677",
    ),
    (
        "cross-training",
        "Cross-training",
        "Learning each other's work and teaching one's own, so that nobody waits for one person",
        "#aa4499",
    ),
    (
        "quality",
        "Quality",
        "Handing over work that the next one can build on",
        "#332288",
    ),
    (
        "availability",
        "Availability",
        "Being there when a colleague needs an answer",
        "#88ccee",
    ),
    (
        "honesty",
        "Honesty",
        "Saying what is so, above all when it is no good news",
        "#117733",
    ),
    (
        "positive-attitude",
        "Positive attitude",
        "Looking for the way it can be done, and being pleasant about it",
        "#999933",
    ),
    (
        "active-listening",
        "Active listening",
        "Finding out what somebody needs before answering",
        "#44aa99",
    ),
    (
        "follow-through",
        "Follow-through",
        "Keeping what was promised, or saying at once that it cannot be kept",
        "#882255",
    ),
)
# The colours are Paul Tol's "muted", which people tell apart whatever colours they see.

DEFAULT_VALUES = tuple(identifier for identifier, *_ in _DEFAULTS)
"""The ids of the values that a new deployment has, in their order."""


def default_catalogue() -> list[Value]:
    """The values that a new deployment has; the gaps in their order leave room for its own."""
    return [
        _new(
            identifier,
            {
                "name": name,
                "description": description,
                "colour": colour,
                "order": place * _STEP,
                "retired": False,
            },
        )
        for place, (identifier, name, description, colour) in enumerate(_DEFAULTS, start=1)
    ]


def value_after(known: Value | None, identifier: str, asked: Mapping[str, Any]) -> Value:
    """The value `identifier` once it says what `asked` does: new, or `known` with its version
    raised; `known` itself when it says so already."""
    if known is None:
        return _new(identifier, asked)
    if all(known[name] == said for name, said in asked.items()):
        return known
    return {**known, **asked, "version": known["version"] + 1}


def in_use(catalogue: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids that a new recognition may name, in the order of `catalogue`."""
    return [value["id"] for value in catalogue if not value["retired"]]


def _new(identifier: str, said: Mapping[str, Any]) -> Value:
    return {"_id": f"value:{identifier}", "id": identifier, **said, "version": 1}
