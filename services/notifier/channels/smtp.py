"""Handing mail to an SMTP server: encrypted, over connections that are kept, with an end.

What the server answers decides what becomes of a message (RFC 5321 section 4.2.1): 4yz and every
failure of the connection may pass; 5yz to the recipient or to the message never does. 5yz to our
sign-in or to our sender is the operator's to mend, so the message waits for that.
"""

import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

from services.notifier.channels import Outcome
from services.notifier.channels.plain import one_line
from services.notifier.domain.addresses import refusal
from services.notifier.watchdog import Watch, Watchdog
from shared.mail_settings import SmtpServer

TIMEOUT_SECONDS = 60.0
"""For one message as a whole, connecting included."""
_ANSWER_SECONDS = 30.0
_KEPT = 4
_KEPT_SECONDS = 45.0
"""Servers close what idles; Postfix after 300 s, some after 60."""
_DETAIL = 300
_PASSING = frozenset({503, 530, 535, 552})
"""5yz that say nothing about the recipient: out of order, sign in first, and a full mailbox (RFC
5321 section 4.5.3.1.10)."""


class _Answered(Exception):
    """What the server said to one command, when it was no yes."""

    def __init__(self, command: str, code: int, text: bytes, *, is_final: bool) -> None:
        super().__init__(one_line(f"{command}: {code} {text.decode(errors='replace')}", _DETAIL))
        self.is_final = is_final and 500 <= code < 600 and code not in _PASSING


class _Unusable(Exception):
    """The server is not one that we hand mail to; says why."""


class _Kept:
    """An open connection."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self.client = client
        self.used_at = time.monotonic()


class Smtp:
    """Hands messages to one server; safe to share between threads."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        local_name: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._local_name = local_name
        self._timeout = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._kept: list[_Kept] = []
        self._lock = threading.Lock()
        self._watchdog = Watchdog(timeout_seconds)

    def send(self, sender: str, recipient: str, message: bytes, *, needs_utf8: bool) -> Outcome:
        """Hand one message over. Never raises for what the server and the network do."""
        with self._watchdog.watch(time.monotonic()) as watch:
            try:
                self._send(watch, sender, recipient, message, needs_utf8=needs_utf8)
            except _Answered as answered:
                return Outcome("refused" if answered.is_final else "failed", str(answered))
            except (smtplib.SMTPException, OSError, _Unusable, ValueError) as error:
                if watch.is_over:
                    return Outcome("failed", f"no complete answer within {self._timeout:g} s")
                return Outcome("failed", _in_words(error))
        return Outcome("sent", "accepted")

    def close(self) -> None:
        """Close what is open and end the watchdog."""
        self._watchdog.close()
        with self._lock:
            kept, self._kept = self._kept, []
        for each in kept:
            each.client.close()

    def _send(
        self, watch: Watch, sender: str, recipient: str, message: bytes, *, needs_utf8: bool
    ) -> None:
        with self._connection(watch, sender, needs_utf8=needs_utf8) as client:
            code, text = client.rcpt(recipient)
            if code not in (250, 251):
                raise _Answered("RCPT", code, text, is_final=True)
            code, text = client.data(message)
            if code != 250:
                raise _Answered("DATA", code, text, is_final=True)

    @contextmanager
    def _connection(self, watch: Watch, sender: str, *, needs_utf8: bool) -> Iterator[smtplib.SMTP]:
        """A connection on which `sender` was accepted; kept when all went well, or when the server
        only said no to a recipient."""
        client = self._kept_one(watch, sender, needs_utf8) or self._new_one(
            watch, sender, needs_utf8
        )
        try:
            yield client
        except _Answered:
            with suppress(smtplib.SMTPException, OSError):
                client.rset()
                self._keep(client)
            raise
        except BaseException:
            client.close()
            raise
        self._keep(client)

    def _keep(self, client: smtplib.SMTP) -> None:
        with self._lock:
            if client.sock is not None and len(self._kept) < _KEPT:
                self._kept.append(_Kept(client))
                return
        client.close()

    def _kept_one(self, watch: Watch, sender: str, needs_utf8: bool) -> smtplib.SMTP | None:
        """A kept connection on which the sender was accepted; None when there is none, or none
        that still lives: nothing was handed over yet, so another may be tried."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                kept = self._kept.pop()
            is_stale = time.monotonic() - kept.used_at > _KEPT_SECONDS
            if is_stale or kept.client.sock is None:
                kept.client.close()
                continue
            watch.guard(kept.client.sock)
            try:
                self._mail(kept.client, sender, needs_utf8)
            except (smtplib.SMTPException, OSError, _Answered):
                kept.client.close()
                if watch.is_over:
                    raise
                continue
            return kept.client

    def _new_one(self, watch: Watch, sender: str, needs_utf8: bool) -> smtplib.SMTP:
        client = self._connect(watch)
        try:
            self._greet(client, watch)
            self._mail(client, sender, needs_utf8)
        except BaseException:
            client.close()
            raise
        return client

    def _connect(self, watch: Watch) -> smtplib.SMTP:
        server = self._server
        patience = max(0.001, min(_ANSWER_SECONDS, watch.seconds_left()))
        client: _GuardedTls | _Guarded
        if server.tls == "implicit":
            client = _GuardedTls(
                local_hostname=self._local_name, timeout=patience, context=self._tls
            )
        else:
            client = _Guarded(local_hostname=self._local_name, timeout=patience)
        client.watch = watch
        client._host = server.host  # what the certificate is checked for
        try:
            code, text = client.connect(server.host, server.port)
        except BaseException:
            client.close()
            raise
        if code != 220:
            client.close()
            raise _Answered("greeting", code, text, is_final=False)
        return client

    def _greet(self, client: smtplib.SMTP, watch: Watch) -> None:
        client.ehlo_or_helo_if_needed()
        if self._server.tls == "starttls":
            if not client.has_extn("starttls"):
                raise _Unusable("the server offers no STARTTLS; nothing was sent to it")
            code, text = client.starttls(context=self._tls)
            if code != 220:
                raise _Answered("STARTTLS", code, text, is_final=False)
            assert client.sock is not None
            watch.guard(client.sock)
            client.ehlo()
        elif self._server.tls == "off":
            assert client.sock is not None
            _require_not_public(client.sock.getpeername()[0])
        if self._server.user is not None and self._server.password is not None:
            client.login(self._server.user, self._server.password)

    def _mail(self, client: smtplib.SMTP, sender: str, needs_utf8: bool) -> None:
        if needs_utf8 and not client.has_extn("smtputf8"):
            # Another server would not take it either: the address itself is beyond ASCII.
            raise _Answered("SMTPUTF8", 553, b"the server takes no such address", is_final=True)
        code, text = client.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if needs_utf8 else [])
        if code != 250:
            raise _Answered("MAIL", code, text, is_final=False)


class _Guarded(smtplib.SMTP):
    """Tells the watch which socket to cut."""

    watch: Watch
    _host: str

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        found = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.watch.guard(found)
        return found


class _GuardedTls(smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""

    watch: Watch
    _host: str

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        found = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.watch.guard(found)
        return found


def _require_not_public(address: str) -> None:
    """Mail in the clear stays inside. Raises _Unusable."""
    if refusal(ip_address(address.partition("%")[0])) is None:
        raise _Unusable("tls=off is not for public addresses; nothing was sent")


def _in_words(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return one_line(f"the sign-in was refused: {error.smtp_code}", _DETAIL)
        case smtplib.SMTPNotSupportedError():
            return one_line(f"the server cannot do it: {error}", _DETAIL)
        case ssl.SSLError():
            return one_line(f"TLS: {error}", _DETAIL)
        case TimeoutError():
            return "no answer in time"
        case smtplib.SMTPServerDisconnected():
            return "the server closed the connection"
        case smtplib.SMTPResponseException():
            return one_line(f"{error.smtp_code} {error.smtp_error!r}", _DETAIL)
        case _:
            return one_line(f"{type(error).__name__}: {error}", _DETAIL)
