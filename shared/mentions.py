"""Where a reference stands in stored documents and in JSON, and putting another in its place."""

from typing import Any


def mentions(value: Any, reference: str) -> bool:
    """Whether `reference` is a member of `value`, however deep; not whether a text speaks of it."""
    if isinstance(value, dict):
        return any(
            name == reference or mentions(member, reference) for name, member in value.items()
        )
    if isinstance(value, list):
        return any(mentions(member, reference) for member in value)
    return bool(value == reference)


def renamed(value: Any, reference: str, other: str) -> Any:
    """`value` with `other` wherever `reference` was a member."""
    if isinstance(value, dict):
        return {
            (other if name == reference else name): renamed(member, reference, other)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [renamed(member, reference, other) for member in value]
    return other if value == reference else value


def is_in_json(reference: str, text: bytes) -> bool:
    """Whether a JSON text has `reference` as a member."""
    return f'"{reference}"'.encode() in text
