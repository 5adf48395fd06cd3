"""Channels: the places besides the inbox where people are told things, each by what it sends."""

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from services.notifier.domain.notices import Notice

if TYPE_CHECKING:
    from services.notifier.sending import Sender
    from shared.config import Settings


class Outcome(NamedTuple):
    """What came of sending a notice."""

    status: Literal["sent", "failed", "refused"]
    """failed: try again by the schedule; refused: never (no such mailbox, a chat hook that is
    gone)."""
    detail: str
    """For people who look for the reason: the server's answer, the error in words."""
    retry_after_seconds: float | None = None
    """How long the other side asks to be left alone."""


class Channel(Protocol):
    """A place where people are told things."""

    def send(self, notice: Notice) -> Outcome:
        """Send it. Blocks, with time-outs; never raises for what the network or the other side
        does. May be called from several threads."""

    def close(self) -> None:
        """Close what is open."""


def open_channels(settings: "Settings", sender: "Sender") -> dict[str, Channel]:  # noqa: ARG001
    """The channels that are configured, by name (domain/notices.py CHANNELS)."""
    return {}
