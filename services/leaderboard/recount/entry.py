"""An entry of the directory, as a second count knows it."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """What boards need to know of somebody in the directory."""

    version: int
    type: str
    name: str
    team: str | None
    partner: str | None
    ancestors: tuple[str, ...]
    active: bool
    hidden_from_boards: bool
    technical: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Entry":
        """Of an entry as exports, events and the replica have it."""
        flags = [bool(entry.get(flag)) for flag in cls._fields[-2:]]
        above = tuple(entry.get("ancestors") or ())
        named = (entry["version"], entry["type"], entry["name"])
        stands = (entry.get("team"), entry.get("partner"), above)
        return cls(*named, *stands, bool(entry.get("active", True)), *flags)

    @property
    def rank(self) -> str:
        """Whether they take a rank ("ranked"), or do not by their own choice ("hidden"), or
        because they left or are a technical account ("away")."""
        if self.type != "person":
            return "ranked"
        if not self.active or self.technical:
            return "away"
        return "hidden" if self.hidden_from_boards else "ranked"
