"""Real SMTP servers on loopback: one that behaves as a test tells it to, and one that does not."""

# ruff: noqa: N802

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import free_port

USER, PASSWORD = "kudos", "p:w@d/%2"


@dataclass
class Mailboxes:
    """What arrived, and what the server answers to each command."""

    port: int = 0
    arrived: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    """(sender, recipients, message)."""
    connections: list[Any] = field(default_factory=list)
    to_mail: str = ""
    to_recipients: dict[str, str] = field(default_factory=dict)
    to_data: str = ""
    sessions: list[Any] = field(default_factory=list)

    async def handle_EHLO(
        self, _server: Any, session: Any, _envelope: Any, host: str, responses: Any
    ) -> Any:
        session.host_name = host
        if session.peer not in self.connections:
            self.connections.append(session.peer)
        return responses

    async def handle_MAIL(
        self, _server: Any, _session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.to_mail:
            return self.to_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.to_recipients:
            return self.to_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        if self.to_data:
            return self.to_data
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.arrived.append((envelope.mail_from, envelope.rcpt_tos, message))
        self.sessions.append(session)
        return "250 accepted"


@contextmanager
def smtp_server(
    *,
    implicit_tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    auth: bool = False,
) -> Iterator[Mailboxes]:
    """A server that takes mail; `auth`: from USER with PASSWORD only."""
    mailboxes = Mailboxes()

    def authenticate(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=is_right)

    options: dict[str, Any] = {"enable_SMTPUTF8": True}
    if starttls:
        options |= {"tls_context": starttls, "require_starttls": True}
    if auth:
        options |= {"authenticator": authenticate, "auth_required": True}
        options |= {"auth_require_tls": implicit_tls is None}  # it knows STARTTLS only
    controller = Controller(
        mailboxes, hostname="127.0.0.1", port=free_port(), ssl_context=implicit_tls, **options
    )
    controller.start()
    mailboxes.port = controller.port
    try:
        yield mailboxes
    finally:
        controller.stop()


Script = Callable[[socket.socket, threading.Event], None]


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """A server that does as `script(connection, released)` says; its port."""
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)

        def serve() -> None:
            while not released.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(30)
                    script(connection, released)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            released.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def converse(connection: socket.socket, until: bytes) -> None:
    """Answer well to each command until one begins with `until` (`.`: the end of a message)."""
    connection.sendall(b"220 test\r\n")
    is_message = False
    with connection.makefile("rb") as lines:
        for line in lines:
            command = line.strip().upper()
            if is_message and command != b".":
                continue
            if command.startswith(until):
                return
            is_message = command == b"DATA"
            connection.sendall(b"354 go on\r\n" if is_message else b"250 OK\r\n")


def certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(of the server, of the client that trusts it) with a certificate of the test's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [_general(name) for name in names]
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
