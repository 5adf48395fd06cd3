"""Somebody who listens, over one connection or several."""

from dataclasses import dataclass, field

from services.notifier.domain.readability import Reader
from services.notifier.streams.connection import Connection
from shared.mongo import Document


@dataclass(slots=True, eq=False)
class Listener:
    """A person. All that is numbered up to `position` was told to each of `connections` that had
    not got it before; `unread` counts up to there, None: to be counted. `told_unread` is what they
    were told last, None: not all of them the same."""

    reference: str
    position: int | None = None
    reader: Reader = field(default_factory=Reader)
    unread: int | None = None
    marks: int = 0
    """How often items of theirs were marked, or may have been."""
    told_unread: int | None = None
    connections: set[Connection] = field(default_factory=set)
    arriving: int = 0
    """Connections that have a place and are not among `connections` yet."""
    at_hand: list[Document] = field(default_factory=list)
    """New items that the watcher brought."""
    changes: int = 0
    """How often the directory changed what they are."""
    is_active: bool = True
    """Whether they may listen."""
    is_behind: bool = False
    """Whether there may be items that the watcher did not bring."""

    def count_anew(self) -> None:
        """Items were marked, or may have been."""
        self.unread = None
        self.marks += 1
