"""What verifying tells: something that is stored otherwise than it must be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.leaderboard.domain.segments import View


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is otherwise than it must be: on `view`, or in what is named by `where`."""

    where: str
    subject: str
    expected: int | str
    stored: int | str
    view: View | None = None


def between(
    expected: Mapping[str, Any], stored: Mapping[str, Any], absent: int | str
) -> Iterator[tuple[str, int | str, int | str]]:
    """(subject, expected, stored) of whatever differs, in order of subject."""
    for subject in sorted(expected.keys() | stored.keys()):
        pair = (expected.get(subject, absent), stored.get(subject, absent))
        if pair[0] != pair[1]:
            yield subject, *pair
