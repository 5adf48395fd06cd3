"""Live streams of a suite that runs, over its one port: many, killed, and in a real browser."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import free_port
from tests.streams import Stream, close_all
from tests.suite import Suite, running, wait_until

PEOPLE = b"id,name,email,team,manager\nada,Ada,,core,\ngrace,Grace,,core,ada\nbob,Bob,,ops,ada\n"
DOCS = Path(__file__).parent.parent.parent / "docs" / "stream.md"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LARGEST_MEMORY = 45 * 1024 * 1024
PAGE_PORT = free_port()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    origins = {"KUDOS_CORS_ORIGINS": f"http://127.0.0.1:{PAGE_PORT}"}
    with running(tmp_path_factory.mktemp("streams"), origins) as suite:
        suite.import_people(PEOPLE)
        yield suite


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


def open_stream(suite: Suite, as_: str = "grace", after: int | None = None) -> Stream:
    headers = {"Authorization": f"Bearer {suite.token(as_)}"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    return Stream(suite.port, headers=headers).opened()


def is_live(suite: Suite) -> bool:
    """Whether streams stay open: until the process takes them, the API answers by itself."""
    stream = open_stream(suite, "bob")
    stream.socket.settimeout(0.3)
    try:
        return stream.next() is not None
    except TimeoutError:
        return True


def thank(suite: Suite, to: str, message: str) -> None:
    body = json.dumps({"kind": "thank_you", "recipients": [to], "message": message}).encode()
    answer = suite.call(
        "POST",
        "/recognition/v1/recognitions",
        as_="ada",
        body=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 201, answer.data


def streams_process(suite: Suite) -> psutil.Process:
    (pid,) = suite.pids("streams")
    return psutil.Process(pid)


def test_at_rest_it_takes_little(suite: Suite) -> None:
    process = streams_process(suite)
    memory = process.memory_full_info().pss
    print(f"{memory / 1024**2:.1f} MB")
    assert memory < LARGEST_MEMORY


def test_more_streams_than_the_gateway_has_threads_are_told_within_a_second(suite: Suite) -> None:
    wait_until(lambda: is_live(suite), 20)
    streams = [open_stream(suite, as_) for as_ in ("grace", "bob") * 15]
    began = time.monotonic()
    suite.get("/recognition/v1/me", as_="ada")
    assert time.monotonic() - began < 2
    thank(suite, "grace", "to Grace")
    for stream in streams[::2]:
        assert stream.named("item").data["recognition"]["message"] == "to Grace"
    thank(suite, "bob", "to Bob")
    for stream in streams[1::2]:
        assert stream.named("item").data["recognition"]["message"] == "to Bob"


def test_a_kept_connection_can_become_a_stream(suite: Suite) -> None:
    stream = Stream(suite.port, headers={}, path="/readyz")
    stream.file.read(int(stream.answered["Content-Length"]))
    head = f"GET /notifier/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {suite.token()}"
    stream.socket.sendall(f"{head}\r\n\r\n".encode())
    assert stream.file.readline() == b"HTTP/1.1 200 OK\r\n"
    while stream.file.readline().strip():
        pass
    assert stream.named("unread").data == {"unread": 0}


def test_streams_outlive_the_gateway_and_come_back_when_their_process_is_killed(
    suite: Suite,
) -> None:
    wait_until(lambda: is_live(suite), 20)
    stream = open_stream(suite)
    (gateway,) = suite.pids("gateway")
    for worker in psutil.Process(gateway).children():
        worker.kill()
    wait_until(suite.is_ready, 20)
    thank(suite, "grace", "after the gateway")
    told = stream.named("item")
    assert told.data["recognition"]["message"] == "after the gateway"

    os.kill(streams_process(suite).pid, signal.SIGKILL)
    assert stream.next() is None
    thank(suite, "grace", "while it was away")
    found: list[Any] = []
    deadline = time.monotonic() + 20
    while not found and time.monotonic() < deadline:  # the API answers, or the new process
        again = open_stream(suite, after=told.id)
        again.socket.settimeout(5)
        found = [each for each in (again.next(),) if each is not None and each.name == "item"]
    assert found[0].data["recognition"]["message"] == "while it was away"
    assert found[0].id == (told.id or 0) + 1
    wait_until(lambda: is_live(suite), 20)


def test_no_log_holds_a_ticket(suite: Suite) -> None:
    made = suite.call("POST", "/notifier/v1/stream/tickets", as_="grace").json()
    assert Stream(suite.port, f"?ticket={made['ticket']}").status == 200
    assert Stream(suite.port, f"?ticket={made['ticket']}").status == 401
    logs = [path.read_text() for path in (suite.folder / "kudos" / "logs").iterdir()]
    assert logs
    assert not any(made["ticket"] in text for text in logs)


# --- a browser -----------------------------------------------------------------------------------


class Page:
    """A page of another origin that listens as docs/stream.md has it, and what it tells."""

    def __init__(self, kudos: str, token: str) -> None:
        self.told: list[dict[str, Any]] = []
        example = re.findall(r"```js\n(.*?)```", DOCS.read_text(), re.S)
        call = (
            "const tell = (what) => (value) => fetch('/told', {method: 'POST', "
            "body: JSON.stringify({[what]: value})});\n"
            f"listen('{kudos}', () => '{token}', tell('item'), tell('unread'));"
        )
        html = f"<!doctype html><title>x</title><script>{''.join(example)}\n{call}</script>"
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(html.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                page.told.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", PAGE_PORT), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def messages(self) -> list[str]:
        return [each["item"]["recognition"]["message"] for each in self.told if "item" in each]


@contextmanager
def browser(folder: Path, url: str) -> Iterator[None]:
    """Chromium with nobody before it, on a page."""
    assert CHROMIUM
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", f"--user-data-dir={folder}", "--remote-debugging-port=0",
        url,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install chromium")
def test_a_browser_is_told_and_comes_back(suite: Suite, tmp_path: Path) -> None:
    wait_until(lambda: is_live(suite), 20)
    page = Page(suite.url, suite.token("bob"))
    try:
        with browser(tmp_path, f"http://127.0.0.1:{PAGE_PORT}/"):
            wait_until(lambda: page.told, 30)
            assert "unread" in page.told[0]
            thank(suite, "bob", "Hello, browser <b>✨</b>")
            wait_until(lambda: page.messages() == ["Hello, browser <b>✨</b>"], 10)
            os.kill(streams_process(suite).pid, signal.SIGKILL)
            thank(suite, "bob", "while it was away")
            wait_until(lambda: page.messages()[1:] == ["while it was away"], 20)
    finally:
        page.close()
