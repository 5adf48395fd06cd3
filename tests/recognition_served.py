"""The recognition service as it runs: processes and threads of gunicorn on loopback, spoken to over
HTTP, beside its clock worker and its relay. All go by one clock, which the test moves."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from flask import Flask

from services.recognition import clock as clocks
from services.recognition.app import create_app
from services.recognition.domain.outbox import SLOTS, event_of
from services.recognition.relay import Relay
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import RECOGNITION, TOPICS, Event
from shared.mongo import Client
from shared.slots import SlotLeases
from shared.times import parse_rfc3339, to_rfc3339
from tests.bench.serving import served
from tests.recognition_parts import V1

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PLAIN = ["kudos:read", "kudos:write"]


class ClockFile:
    """A clock that stands still until it is moved, in every process that reads the same file."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._file: Path = settings.data / "now"

    def __call__(self) -> datetime:
        return parse_rfc3339(self._file.read_text())

    def set(self, now: datetime) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(to_rfc3339(now))
        fresh.replace(self._file)


def build(settings: Settings) -> Flask:
    """The application of one process of the served API."""
    return create_app(demo_settings(settings), now=ClockFile(settings))


class Answered:
    """What the API answered."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.text = response.data.decode()
        self.body: Any = json.loads(self.text) if self.text else None


class Served:
    """The running service; `call` speaks to it as somebody who holds `scopes`."""

    def __init__(self, url: str, settings: Settings, client: Client) -> None:
        self.settings, self.client = settings, client
        self.db = client[settings.database("recognition")]
        self.now = ClockFile(settings)
        self.clock = clocks.Clock(client, self.db, now=self.now)
        self.log = open_log(settings, client)
        self.log.ensure_topics(TOPICS)
        self._relay = Relay(self.db, self.log, SlotLeases(self.db["leases"], "relay", SLOTS))
        self._reader = self.log.reader([RECOGNITION], {})
        self._url = url
        self._http = urllib3.PoolManager(maxsize=8, retries=False)
        self._tokens: dict[tuple[str, bool], str] = {}

    def call(
        self,
        method: str,
        path: str,
        as_: str,
        body: Any = None,
        scopes: list[str] | None = None,
        **headers: str,
    ) -> Answered:
        """The answer to `as_`, who holds `scopes` (all when None); `headers` with _ for -."""
        key = (as_, scopes is None)
        if key not in self._tokens:
            self._tokens[key] = issue(self.settings, as_, scopes)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self._tokens[key]}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, str) else json.dumps(body)
        url = self._url + V1 + quote(path, safe="/?=&,:%")
        return Answered(self._http.request(method, url, body=body, headers=sent, timeout=30))

    def begin(self) -> None:
        """Let all that was ever given be forgotten, and the clock be at START."""
        self.now.set(START)
        for name in ("recognitions", "comments", "reports", "ledgers", "audit", "outbox"):
            self.db[name].delete_many({})
        while self._reader.poll(1000, 0.0):
            pass

    def unpublished(self) -> dict[str, list[Event]]:
        """The events in the outbox, by recognition; of those that are there, all are named."""
        found: dict[str, list[Event]] = {each["_id"]: [] for each in self.db["recognitions"].find()}
        for entry in self.db["outbox"].find({}).sort("version", 1):
            found[entry["subject"]].append(event_of(entry, "/recognition"))
        return found

    def publish(self) -> list[Event]:
        """Let the relay publish; what then is new in the log."""
        self._relay.step()
        events: list[Event] = []
        while records := self._reader.poll(1000, 0.0):
            events += [record.event for record in records if record.event]
        return events


@contextlib.contextmanager
def serving(settings: Settings, client: Client, people: str) -> Iterator[Served]:
    """The service with a directory, until the end."""
    settings = replace(settings, web_threads=4)
    ClockFile(settings).set(START)
    with served(build, settings) as url:
        suite = Served(url, settings, client)
        imported = suite.call(
            "POST", "/directory/imports", "admin", people, Content_Type="text/csv"
        )
        assert imported.status == 200, imported.text
        yield suite
        suite.log.close()
