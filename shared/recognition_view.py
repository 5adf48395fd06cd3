"""A recognition as its readers see it: what every API and every webhook answers (DESIGN 7)."""

from collections.abc import Mapping
from typing import Any

_AS_STORED = (
    "id",
    "kind",
    "status",
    "giver",
    "recipients",
    "message",
    "link",
    "values",
    "visibility",
    "answers",
    "echoes",
    "needed_by",
    "category",
    "fulfilled_at",
    "declined",
    "service_level",
    "given_at",
    "created_at",
    "version",
    "revision",
)
_OF_A_PROMISE = ("by", "promised_at", "due_at", "moved", "outcome")


def public_view(state: Mapping[str, Any], viewer: str | None = None) -> dict[str, Any]:
    """`state` (RecognitionState of shared/events/contracts.py) as `viewer` may read it.

    Reactions become counts, `my_reactions` those of `viewer` (a reference, or None for somebody
    who is no person); `advice` is empty: only the answer to a POST has any. Whether `viewer` may
    read it at all is for the caller to know. Instants stay as they are in `state`.
    """
    reactions = {emoji: people for emoji, people in state["reactions"].items() if people}
    promise = state["promise"]
    return {
        **{name: state[name] for name in _AS_STORED},
        "promise": {name: promise[name] for name in _OF_A_PROMISE} if promise else None,
        "reactions": {emoji: len(people) for emoji, people in reactions.items()},
        "my_reactions": [emoji for emoji, people in reactions.items() if viewer in people],
        "comment_count": state["comment_count"],
        "advice": [],
        "external_id": state["external_id"],
        "source": state["source"],
        "quiet": state["quiet"],
    }
