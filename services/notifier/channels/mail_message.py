"""A notice as a mail message (RFC 5322), text and HTML, safe to hand over as it is."""

from datetime import datetime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from services.notifier.channels.languages import language_of
from services.notifier.channels.plain import one_line, without_controls
from services.notifier.channels.rendering import render_html, render_text
from services.notifier.channels.wording import write
from services.notifier.domain.notices import Notice
from shared.mail_settings import Mailbox

_SUBJECT = 150
_NAME = 80
_IN_A_URL = "!#$%&'()*+,/:;=?@[]~"
"""What stays as it is (RFC 3986), besides letters, digits and - . _"""


class BadAddress(ValueError):
    """No mail can be sent to this address."""


class _Unfolded(UnstructuredHeader):
    """A header of ASCII tokens that must stay whole: the policy would encode what is too long."""

    def fold(self: Any, *, policy: Any) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> Any:
    registry = HeaderRegistry()
    types: Any = registry  # typeshed wants a BaseHeader, which the registry itself makes of it
    for name in ("list-unsubscribe", "message-id"):
        types.map_to_type(name, _Unfolded)
    return SMTP.clone(header_factory=registry, cte_type="7bit")


_POLICY = _policy()


def as_bytes(message: EmailMessage, *, utf8: bool) -> bytes:
    """The message as it is handed over; `utf8`: with headers beyond ASCII (RFC 6531)."""
    return message.as_bytes(policy=_POLICY.clone(utf8=utf8))


def compose(notice: Notice, sender: Mailbox, now: datetime) -> EmailMessage:
    """The message; `now` is its date. Raises BadAddress.

    `List-Unsubscribe` with `List-Unsubscribe-Post` is the one click of RFC 8058; `Message-ID`
    follows from the notice, so that a message that is sent again is the same to its readers.
    """
    letter = write(notice)
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(sender.name or "Kudos", sender.address)
    message["To"] = _address(notice.to.name, address_of(notice))
    message["Subject"] = one_line(letter.subject, _SUBJECT)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{_token(notice.id)}@{sender.domain}>"
    message["List-Unsubscribe"] = f"<{_token(notice.links.unsubscribe)}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Content-Language"] = language_of(notice.to.language).code
    message.set_content(render_text(letter, notice), cte="quoted-printable")
    message.add_alternative(render_html(letter, notice), subtype="html", cte="quoted-printable")
    return message


def address_of(notice: Notice) -> str:
    """The addressee's address, its domain as the DNS writes it. Raises BadAddress."""
    local, at, domain = (notice.to.email or "").rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
        address = Address(username=local, domain=ascii_domain)
    except (ValueError, IndexError):  # the email package's errors among them
        raise BadAddress(f"{notice.to.email!r} is no mail address") from None
    is_odd = set(address.addr_spec) & set('\r\n\0 "<>,;:()[]\\')
    if not at or not local or not ascii_domain or is_odd:
        raise BadAddress(f"{notice.to.email!r} is no mail address")
    return address.addr_spec


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(one_line(name, _NAME), local, domain)


def _token(text: str) -> str:
    """`text`, a URL or an id, without anything that could end the header or what stands in <>."""
    return quote("".join(without_controls(text).split()), safe=_IN_A_URL)
