"""The channel `mail`: notices to people's addresses over SMTP."""

from collections.abc import Callable
from datetime import datetime

from services.notifier.channels import Outcome
from services.notifier.channels.mail_message import BadAddress, address_of, as_bytes, compose
from services.notifier.channels.smtp import Smtp
from services.notifier.domain.notices import Notice
from shared import times
from shared.config import Settings
from shared.mail_settings import Mailbox


class Mail:
    """See channels.Channel."""

    def __init__(
        self, smtp: Smtp, sender: Mailbox, now: Callable[[], datetime] = times.now
    ) -> None:
        self._smtp = smtp
        self._sender = sender
        self._now = now

    def send(self, notice: Notice) -> Outcome:
        """See Channel. Somebody without an address that mail can be sent to is refused."""
        if not notice.to.email:
            return Outcome("refused", f"{notice.to.reference} has no mail address")
        try:
            message = compose(notice, self._sender, self._now())
            address = address_of(notice)
        except BadAddress as bad:
            return Outcome("refused", str(bad))
        is_utf8 = not address.isascii()
        handed = as_bytes(message, utf8=is_utf8)
        return self._smtp.send(self._sender.address, address, handed, needs_utf8=is_utf8)

    def close(self) -> None:
        """See Channel."""
        self._smtp.close()


def open_mail(settings: Settings) -> Mail:
    """The channel that `settings` describe; it connects when the first message is sent."""
    assert settings.smtp_url is not None
    assert settings.mail_from is not None
    smtp = Smtp(settings.smtp_url, local_name=settings.mail_from.domain)
    return Mail(smtp, settings.mail_from)
