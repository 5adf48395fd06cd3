"""Where a reference stands in stored documents and in JSON, and putting another in its place.

It stands there as a member, as the name of one, or at the end of a key made of several: of who acts
for somebody (`key:1f for person:ada`), or of what is unique for each person (`<id>\\nperson:ada`).
"""

from typing import Any

from pymongo.collection import Collection

_BEFORE = (" for ", "\n")


def mentions(value: Any, reference: str) -> bool:
    """Whether `value` names `reference`, however deep; not whether a text speaks of it."""
    if isinstance(value, dict):
        return any(
            mentions(name, reference) or mentions(member, reference)
            for name, member in value.items()
        )
    if isinstance(value, list):
        return any(mentions(member, reference) for member in value)
    return isinstance(value, str) and _start_of(value, reference) is not None


def renamed(value: Any, reference: str, other: str) -> Any:
    """`value` with `other` wherever it named `reference`."""
    if isinstance(value, dict):
        return {
            renamed(name, reference, other): renamed(member, reference, other)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [renamed(member, reference, other) for member in value]
    if not isinstance(value, str) or (start := _start_of(value, reference)) is None:
        return value
    return start + other


def forget_answers(answers: Collection[dict[str, Any]], reference: str) -> None:
    """Remove the kept answers (shared/web/idempotency.py) that `reference` got, or that name it:
    what is sent again under the same key then runs anew."""
    for kept in answers.find({}, {"caller": 1, "body": 1}):
        if mentions(kept["caller"], reference) or is_in_json(reference, bytes(kept["body"])):
            answers.delete_one({"_id": kept["_id"]})


def is_in_json(reference: str, text: bytes) -> bool:
    """Whether a JSON text has `reference` as a member."""
    return f'"{reference}"'.encode() in text


def _start_of(text: str, reference: str) -> str | None:
    """What stands before `reference` in a text that names it; None where it does not."""
    if not text.endswith(reference):
        return None
    start = text.removesuffix(reference)
    return start if not start or start.endswith(_BEFORE) else None
