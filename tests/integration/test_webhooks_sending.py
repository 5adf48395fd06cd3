"""One POST to receivers that behave and that do not; over real sockets and TLS."""

import datetime
import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifier.sending import READ_AT_MOST, Sender
from tests.hooks import (
    Answer,
    Handler,
    Hooks,
    drip,
    drip_headers,
    garbage,
    hang,
    hooks,
    slam,
    status,
)

LOOPBACK = (ip_network("127.0.0.0/8"),)
TIMEOUT = 0.6


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender(LOOPBACK, timeout_seconds=TIMEOUT)
    yield sender
    sender.close()


def post(sender: Sender, url: str, body: bytes = b"{}") -> tuple[int | None, str | None]:
    answer = sender.post(url, body, {"Content-Type": "application/json"})
    return answer.status, answer.error


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_2xx_is_success(received: Hooks, sender: Sender, code: int) -> None:
    received.answers["/hook"] = status(code, b"ok")
    answer = sender.post(received.url(), b"{}", {})
    assert answer.is_success
    assert answer.body == (b"" if code == 204 else b"ok")


@pytest.mark.parametrize("code", [300, 301, 302, 304, 307, 308, 400, 404, 410, 429, 500, 503])
def test_everything_else_is_failure(received: Hooks, sender: Sender, code: int) -> None:
    received.answers["/hook"] = status(code, b"no")
    answer = sender.post(received.url(), b"{}", {})
    assert (answer.status, answer.is_success) == (code, False)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(received: Hooks, sender: Sender, code: int) -> None:
    received.answers["/hook"] = status(code, Location=received.url("/inside"))
    assert post(sender, received.url()) == (code, None)
    assert received.of("/inside") == []


@pytest.mark.parametrize("misbehave", [hang, drip, drip_headers])
def test_whoever_takes_too_long_in_all_is_cut(
    received: Hooks, sender: Sender, misbehave: Answer
) -> None:
    received.answers["/hook"] = misbehave
    began = time.monotonic()
    answer = sender.post(received.url(), b"{}", {})
    assert time.monotonic() - began < TIMEOUT + 1
    assert answer.error is not None
    assert "0.6 s" in answer.error
    assert not answer.is_success


def test_a_handshake_that_never_ends_is_cut(sender: Sender) -> None:
    with hooks() as plain:  # speaks no TLS: it waits for a request that never comes
        answer = sender.post(plain.url(scheme="https"), b"{}", {})
    assert answer.error is not None
    assert answer.seconds < TIMEOUT + 1


@pytest.mark.parametrize("misbehave", [garbage, slam])
def test_nonsense_is_a_failure_in_words(received: Hooks, sender: Sender, misbehave: Answer) -> None:
    received.answers["/hook"] = misbehave
    answer = sender.post(received.url(), b"{}", {})
    assert answer.error
    assert not answer.is_success


def test_nobody_listens(sender: Sender) -> None:
    with hooks() as gone:
        url = gone.url()
    assert post(sender, url) == (None, "could not connect")


def test_of_a_large_answer_only_the_beginning_is_read(received: Hooks, sender: Sender) -> None:
    sent = 0

    def flood(handler: Handler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Content-Length", str(10 * 1024 * 1024))
        handler.end_headers()
        try:
            for _ in range(10 * 1024):
                handler.wfile.write(b"x" * 1024)
                sent += 1024
        except OSError:
            handler.close_connection = True

    received.answers["/hook"] = flood
    answer = sender.post(received.url(), b"{}", {})
    assert answer.is_success
    assert len(answer.body) == READ_AT_MOST
    assert sent < 10 * 1024 * 1024


def test_a_compressed_answer_is_not_unpacked(received: Hooks, sender: Sender) -> None:
    received.answers["/hook"] = status(200, b"\x1f\x8bnot really", Content_Encoding="gzip")
    answer = sender.post(received.url(), b"{}", {})
    assert answer.is_success
    assert answer.body == b"\x1f\x8bnot really"


def test_connections_are_kept_and_one_that_died_is_replaced(
    received: Hooks, sender: Sender
) -> None:
    clients = []

    def answer_then_leave(handler: Handler) -> None:
        clients.append(handler.client_address)
        status(204)(handler)

    received.answers["/hook"] = answer_then_leave
    assert [post(sender, received.url()) for _ in range(3)] == [(204, None)] * 3
    assert len(set(clients)) == 1

    seen = len(received.arrived)
    once = threading.Event()

    def die_once(handler: Handler) -> None:
        if once.is_set():
            status(204)(handler)
        else:
            once.set()
            slam(handler)

    received.answers["/hook"] = die_once
    assert post(sender, received.url()) == (204, None)
    assert len(received.arrived) == seen + 2


def test_a_name_that_changes_between_check_and_use_gains_nothing() -> None:
    """The resolver answers a public address first, loopback the second time (DNS rebinding)."""
    answers = iter([["127.0.0.2"], ["169.254.169.254"], ["127.0.0.1"]])
    allowed = (ip_network("127.0.0.2/32"),)
    with hooks(host="127.0.0.2") as here:
        asked = []

        def resolver(host: str, port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        sender = Sender(allowed, resolver=resolver, timeout_seconds=TIMEOUT)
        url = f"http://rebind.example:{here.port}/hook"
        assert post(sender, url) == (204, None)
        status_code, error = post(sender, url)
        assert status_code is None
        assert error is not None
        assert "link-local" in error
        status_code, error = post(sender, url)
        assert error is not None
        assert "loopback" in error
        assert asked == ["rebind.example"] * 3, "resolved once for each sending, and not again"
        [(headers, _)] = here.of("/hook")
        assert headers["host"] == f"rebind.example:{here.port}"
        sender.close()


def test_a_name_with_one_address_inside_is_not_connected_to_at_all() -> None:
    with hooks() as inside:
        sender = Sender((), resolver=lambda *_: ["8.8.8.8", "127.0.0.1"], timeout_seconds=TIMEOUT)
        url = f"https://mixed.example:{8443}/hook"
        _, error = post(sender, url)
        assert error is not None
        assert "loopback" in error
        assert inside.arrived == []
        sender.close()


def test_the_next_address_is_tried_when_the_first_does_not_answer(received: Hooks) -> None:
    addresses = ["127.0.0.9", "127.0.0.1"]
    sender = Sender(LOOPBACK, resolver=lambda *_: addresses, timeout_seconds=TIMEOUT)
    assert post(sender, received.url(host="two.example")) == (204, None)
    assert len(received.arrived) == 1
    sender.close()


def test_an_unknown_name_is_a_failure_in_words(sender: Sender) -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    unknowing = Sender(LOOPBACK, resolver=resolver, timeout_seconds=TIMEOUT)
    _, error = post(unknowing, "https://nowhere.example/")
    assert error == "the URL has a host that no address is known of"
    unknowing.close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(of the server, of the client) with a certificate of the test's own for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "pair.pem"
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


def test_tls_is_checked_by_name_while_the_address_is_pinned(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, "hooks.example")
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    with hooks(tls=server) as secure:
        sender = Sender(
            LOOPBACK, resolver=lambda *_: ["127.0.0.1"], timeout_seconds=5, tls=trusting
        )
        url = f"https://hooks.example:{secure.port}/hook"
        assert post(sender, url) == (204, None)
        assert names == ["hooks.example"]
        _, error = post(sender, url.replace("hooks.example", "other.example"))
        assert error is not None
        assert error.startswith("TLS: ")
        stranger = Sender(LOOPBACK, resolver=lambda *_: ["127.0.0.1"], timeout_seconds=5)
        _, error = post(stranger, url)
        assert error is not None
        assert error.startswith("TLS: ")
        assert len(secure.arrived) == 1
        sender.close()
        stranger.close()


def test_ipv6_works(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender((ip_network("::1/128"),), timeout_seconds=TIMEOUT)
    assert ip_address("::1").is_loopback
    status_code, error = post(sender, "http://[::1]:9/hook")
    assert (status_code, error) == (None, "could not connect")
    sender.close()


def test_closing_cuts_what_still_runs(received: Hooks) -> None:
    received.answers["/hook"] = hang
    sender = Sender(LOOPBACK, timeout_seconds=30)
    errors = []
    thread = threading.Thread(target=lambda: errors.append(post(sender, received.url())))
    thread.start()
    while not received.arrived:
        time.sleep(0.005)
    sender.close()
    thread.join(5)
    assert not thread.is_alive()
    assert errors[0][1] is not None
