"""What KUDOS_SMTP_URL and KUDOS_MAIL_FROM say, taken apart."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Tls = Literal["implicit", "starttls", "off"]

_SMTP = (
    "smtps://user:password@mail.example.org:465, or smtp://...:587 which is encrypted by STARTTLS "
    "(?tls=off: not at all, without a password and only to an address that is not public)"
)
_MAILBOX = "an address like kudos@example.org or Kudos <kudos@example.org>"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_NAMED = re.compile(r"(?P<name>[^<>@\"\r\n\x00-\x1f]*)<(?P<address>[^<>]+)>")
_PORTS = {"smtps": 465, "smtp": 587}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """As a URL, without the password."""
        user = f"{self.user}:***@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "smtps" if self.tls == "implicit" else "smtp"
        end = "?tls=off" if self.tls == "off" else ""
        return f"{scheme}://{user}{host}:{self.port}{end}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Whom mail comes from."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What stands after the @."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def parse_smtp(text: str) -> SmtpServer:
    """The server that a URL names. Raises ValueError that says what one looks like."""
    try:
        parts = urlsplit(text)
        port = parts.port
        asked = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise ValueError(_SMTP) from None
    is_off = asked == {"tls": ["off"]}
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(_SMTP)
    if parts.fragment or port == 0 or (asked and not (is_off and parts.scheme == "smtp")):
        raise ValueError(_SMTP)
    user, password = _decoded(parts.username), _decoded(parts.password)
    if (user is None) != (password is None) or not f"{user}{password}".isascii():
        raise ValueError(_SMTP)
    if is_off and password and not _is_loopback(parts.hostname):
        raise ValueError(_SMTP)
    tls: Tls = "implicit" if parts.scheme == "smtps" else "off" if is_off else "starttls"
    return SmtpServer(parts.hostname, port or _PORTS[parts.scheme], tls, user, password)


def parse_mailbox(text: str) -> Mailbox:
    """The mailbox that `text` names. Raises ValueError that says what one looks like."""
    named = _NAMED.fullmatch(text)
    name, address = (named["name"].strip(), named["address"]) if named else ("", text)
    if not _ADDRESS.fullmatch(address):
        raise ValueError(_MAILBOX)
    return Mailbox(address, name)


def _decoded(part: str | None) -> str | None:
    return unquote(part) if part else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
