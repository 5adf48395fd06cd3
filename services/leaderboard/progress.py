"""How far something that takes long has come: what a terminal shows of it."""

from typing import Protocol


class Progress(Protocol):
    """Is called with what was done ("directory", "recognitions", "lists",
    "events", "removed", "coverage", "compared", "trends", "milestones"), how many more of them, and
    about how many there will be in all, where anybody knows."""

    def __call__(self, what: str, more: int, in_all: int | None = None, /) -> None:
        """Note it."""


def silent(_what: str, _more: int, _in_all: int | None = None, /) -> None:
    """For whom nobody watches."""
