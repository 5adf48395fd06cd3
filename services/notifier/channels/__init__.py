"""Channels: the places besides the inbox where people are told things, each by what it sends.

Importing this package is cheap: what a channel needs (smtplib, email, jinja2) is imported by
`open_channels`, and only for channels that are configured.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from services.notifier.domain.notices import Notice
from shared.config import ConfigError

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


def channel_names(settings: "Settings") -> frozenset[str]:
    """The channels that messages are made for: mail where a server takes it and its links can be
    signed, chat where people's URLs can be sealed."""
    if not settings.secret_keys:
        return frozenset()
    return frozenset({"chat", "mail"} if settings.smtp_url else {"chat"})


def open_channels(settings: "Settings", sender: "Sender") -> dict[str, Channel]:
    """The channels that are configured, by name (domain/notices.py CHANNELS).

    Chat needs no server: its URL is each person's own. Connects to nothing yet. Raises ConfigError
    for mail whose links nobody can sign.
    """
    names = channel_names(settings)
    if settings.smtp_url and "mail" not in names:
        raise ConfigError(
            "KUDOS_SMTP_URL needs KUDOS_SECRET_KEYS, which sign the links to unsubscribe; "
            "`openssl rand -base64 32` makes one"
        )
    channels: dict[str, Channel] = {}
    if "chat" in names:
        from services.notifier.channels.chat import Chat

        channels["chat"] = Chat(sender)
    if "mail" in names:
        from services.notifier.channels.mail import open_mail

        channels["mail"] = open_mail(settings)
    return channels
