"""The gateway: the shipped nginx configuration under the real nginx, before recording services."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import gateway as gateways
from tests.conftest import free_port

SERVICES = ("recognition", "leaderboard", "notifier")
UPSTREAMS = (*SERVICES, "streams")
MEBIBYTE = 1024 * 1024

pytestmark = pytest.mark.skipif(
    gateways.program() is None, reason="no gateway: install nginx (Debian: nginx-light)"
)


class Upstream:
    """A service that answers with what it was sent."""

    def __init__(self, name: str) -> None:
        self.go_on = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/notifier/v1/stream"):
                    self._stream()
                elif self.path.endswith("/teapot"):
                    self._answer(418, b"{}", {"Retry-After": "7", "X-Request-Id": "not-this-one"})
                else:
                    self._echo()

            def do_POST(self) -> None:
                if self.headers.get("Authorization"):
                    self._echo()
                else:  # as the services do: without reading the body
                    self._answer(401, b'{"status":401}', {"Connection": "close"})
                    self.close_connection = True

            def _echo(self) -> None:
                seen = {
                    "service": name,
                    "path": self.path,
                    "headers": {key.lower(): value for key, value in self.headers.items()},
                    "bytes": len(self._body()),
                }
                policy = {"Content-Security-Policy": "default-src 'self'"}
                self._answer(200, json.dumps(seen).encode(), policy)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    return b"".join(self._chunks())
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def _chunks(self) -> Iterator[bytes]:
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                self.wfile.flush()
                upstream.go_on.wait(20)
                self.wfile.write(b"data: second\n\n")
                self.close_connection = True

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    running = {name: Upstream(name) for name in UPSTREAMS}
    yield running
    for upstream in running.values():
        upstream.close()


@pytest.fixture(scope="module")
def url(upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ports = {name: upstream.port for name, upstream in upstreams.items()}
    folder = tmp_path_factory.mktemp("gateway")
    with gateways.gateway(folder, free_port(), free_port(), ports) as running:
        yield running


Answer = tuple[http.client.HTTPResponse, bytes]


def ask(url: str, path: str, method: str = "GET", **options: Any) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
        connection.request(method, path, **options)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def echoed(url: str, path: str, method: str = "GET", **options: Any) -> dict[str, Any]:
    answer, body = ask(url, path, method, **options)
    assert answer.status == 200, body
    seen: dict[str, Any] = json.loads(body)
    return seen


def require_problem(answer: Answer, status: int) -> dict[str, Any]:
    """The document; it must be a problem of that status with one of each header of ours."""
    response, body = answer
    assert response.status == status
    assert response.getheader("Content-Type") == "application/problem+json"
    document: dict[str, Any] = json.loads(body)
    assert document["status"] == status
    assert document["title"]
    for name in ("X-Request-Id", "X-Content-Type-Options", "X-Frame-Options"):
        assert len(response.headers.get_all(name) or []) == 1
    return document


@pytest.mark.parametrize("service", SERVICES)
def test_the_first_segment_names_the_service_and_nothing_is_rewritten(
    url: str, service: str
) -> None:
    path = f"/{service}/v1/things/%F0%9F%91%8F?limit=2&cursor=a%2Fb"
    seen = echoed(url, path)
    assert (seen["service"], seen["path"]) == (service, path)


@pytest.mark.parametrize(
    "path",
    [
        *("/livez", "/readyz", "/metrics", "//metrics", "/./metrics", "/recognition/../metrics"),
        *("/recognition/..%2fmetrics", "/recognition/%2e%2e/metrics", "/recognition", "/v1"),
    ],
)
def test_probes_metrics_and_unknown_paths_are_not_reachable(url: str, path: str) -> None:
    document = require_problem(ask(url, path), 404)
    assert document["type"] == "/problems/not-found"


def test_an_absolute_request_target_reaches_no_probe(url: str) -> None:
    host = urlsplit(url).netloc
    document = require_problem(ask(url, f"http://{host}/metrics"), 404)
    assert document["type"] == "/problems/not-found"


def test_the_page_of_a_problem_is_a_services(url: str) -> None:
    assert echoed(url, "/problems/not-found")["service"] == "recognition"


def test_the_front_page_names_the_documentation(url: str) -> None:
    answer, body = ask(url, "/")
    assert answer.getheader("Content-Type") == "text/html"
    assert all(f"/{service}/docs".encode() in body for service in SERVICES)


def test_a_request_id_that_is_a_word_is_passed_on_and_told(url: str) -> None:
    answer, body = ask(url, "/recognition/v1", headers={"X-Request-Id": "from-the-widget.1"})
    assert json.loads(body)["headers"]["x-request-id"] == "from-the-widget.1"
    assert answer.headers.get_all("X-Request-Id") == ["from-the-widget.1"]


@pytest.mark.parametrize("given", [None, 'with "quotes"', "x" * 129, "a b"])
def test_another_request_id_is_replaced(url: str, given: str | None) -> None:
    headers = {"X-Request-Id": given} if given else {}
    answer, body = ask(url, "/recognition/v1", headers=headers)
    passed = json.loads(body)["headers"]["x-request-id"]
    assert passed == answer.getheader("X-Request-Id")
    assert len(passed) == 32
    assert passed != given


def test_what_a_service_says_of_the_answer_stands_once(url: str) -> None:
    answer, _ = ask(url, "/leaderboard/v1/teapot")
    assert answer.status == 418
    assert answer.headers.get_all("Retry-After") == ["7"]
    assert len(answer.headers.get_all("X-Request-Id") or []) == 1
    answer, _ = ask(url, "/leaderboard/v1")
    assert answer.headers.get_all("Content-Security-Policy") == ["default-src 'self'"]


def test_headers_of_ours_are_passed_on(url: str) -> None:
    sent = {"Authorization": "Bearer " + "t" * 12_000, "Kudos-On-Behalf-Of": "person:ada"}
    sent |= {
        "Idempotency-Key": "k",
        "If-Match": '"3"',
        "Last-Event-ID": "41",
        "Origin": "https://a",
    }
    seen = echoed(url, "/notifier/v1/inbox", headers=sent)["headers"]
    assert {name: seen[name.lower()] for name in sent} == sent
    assert seen["host"] == urlsplit(url).netloc


def test_a_body_of_one_mebibyte_passes_and_a_byte_more_is_refused(url: str) -> None:
    headers = {"Authorization": "Bearer x"}
    path = "/recognition/v1/recognitions"
    assert echoed(url, path, "POST", body=b"x" * MEBIBYTE, headers=headers)["bytes"] == MEBIBYTE
    document = require_problem(
        ask(url, path, "POST", body=b"x" * (MEBIBYTE + 1), headers=headers), 413
    )
    assert document["type"] == "/problems/too-large"


def test_a_chunked_body_without_a_length_is_bound_as_well(url: str) -> None:
    chunks = (b"x" * 65536 for _ in range(20))
    answer = ask(url, "/recognition/v1/recognitions", "POST", body=chunks, encode_chunked=True)
    require_problem(answer, 413)


@pytest.mark.parametrize(
    ("path", "size"),
    [("/recognition/v1/imports", 40), ("/recognition/v1/directory/imports", 32)],
)
def test_an_import_may_be_large(url: str, path: str, size: int) -> None:
    headers = {"Authorization": "Bearer x"}
    seen = echoed(url, path, "POST", body=b"x" * size * MEBIBYTE, headers=headers)
    assert seen["bytes"] == size * MEBIBYTE


def test_a_directory_over_32_mebibytes_is_refused(url: str) -> None:
    body = b"x" * (32 * MEBIBYTE + 1)
    require_problem(ask(url, "/recognition/v1/directory/imports", "POST", body=body), 413)


def test_an_import_reaches_the_service_while_it_is_sent(url: str) -> None:
    host, _, port = urlsplit(url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        head = f"POST /recognition/v1/imports HTTP/1.1\r\nHost: {host}\r\n"
        client.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"x" * 1000)
        answer = client.recv(4096)  # the service refuses before the rest was sent
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_stream_is_not_held_back(url: str, upstreams: dict[str, Upstream]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", "/notifier/v1/stream?ticket=secret")
    answer = connection.getresponse()
    assert answer.readline() == b"data: first\n"
    upstreams["streams"].go_on.set()
    assert answer.read() == b"\ndata: second\n\n"
    connection.close()


def test_headers_that_are_too_large_are_told_as_a_problem(url: str) -> None:
    headers = {"Authorization": "Bearer " + "t" * 20_000}
    document = require_problem(ask(url, "/recognition/v1", headers=headers), 431)
    assert document["type"] == "/problems/headers-too-large"


def test_a_request_that_cannot_be_read_is_told_as_a_problem(url: str) -> None:
    host, _, port = urlsplit(url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no Host
        answer = http.client.HTTPResponse(client)
        answer.begin()
        require_problem((answer, answer.read()), 400)


def test_a_service_that_is_down_is_told_as_a_problem_and_comes_back(tmp_path: Path) -> None:
    ports = {name: free_port() for name in UPSTREAMS}
    with gateways.gateway(tmp_path, free_port(), free_port(), ports) as url:
        answer = ask(url, "/leaderboard/v1/boards")
        document = require_problem(answer, 502)
        assert answer[0].headers.get_all("Retry-After") == ["2"]
        assert document["request_id"] == answer[0].getheader("X-Request-Id")
        assert "Idempotency-Key" in document["detail"]


def test_the_access_log_is_json_and_holds_no_query(tmp_path: Path) -> None:
    upstream = Upstream("streams")
    try:
        ports = dict.fromkeys(UPSTREAMS, upstream.port)
        with gateways.gateway(tmp_path, free_port(), free_port(), ports) as url:
            upstream.go_on.set()
            ask(url, "/notifier/v1/stream?ticket=secret", headers={"X-Request-Id": "r-1"})
            log = tmp_path / "access.log"
            deadline = time.monotonic() + 10
            while not log.read_text().endswith("\n") and time.monotonic() < deadline:
                time.sleep(0.01)
    finally:
        upstream.close()
    line = json.loads(log.read_text())
    assert (line["path"], line["status"], line["request_id"]) == ("/notifier/v1/stream", 200, "r-1")
    assert "secret" not in log.read_text()
