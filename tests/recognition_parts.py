"""The recognition service over a real database, for tests that call its API."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from services.recognition.app import create_app
from services.recognition.domain.outbox import event_of
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.events import Event
from shared.events.contracts import check
from shared.mongo import Client

V1 = "/recognition/v1"
PEOPLE = """id,name,email,team,manager,partner
ada,Ada Lovelace,ada@example.org,core,grace,
bob,Bob Baker,bob@example.org,core,grace,
grace,Grace Hopper,grace@example.org,compilers,,
smith,Jo Smith,jo@acme.example,,,acme
"""

Call = Callable[..., Any]
_FOR = "Kudos-On-Behalf-Of"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Let so much time pass, back where it is negative."""
        self.now += timedelta(**time)


class RecognitionParts:
    """The API of one namespace, with PEOPLE in its directory.

    Fair play is off unless `fair_play` says otherwise, so that tests may repeat themselves.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        now: Callable[[], datetime] = times.now,
        **changed: Any,
    ) -> None:
        self.settings = dataclasses.replace(settings, **{"fair_play": "off", **changed})
        self.client = client
        self.app: Flask = create_app(demo_settings(self.settings), client, now)
        self.db = client[settings.database("recognition")]
        imported = self.call("POST", "/directory/imports", data=PEOPLE, content_type="text/csv")
        assert imported.status_code == 200, imported.text
        self.db["audit"].delete_many({})  # what tests look for there is theirs

    def call(
        self, method: str, path: str, as_: str | None = "ada", scopes: Any = None, **request: Any
    ) -> Any:
        """The API's response to `as_`, who holds `scopes` (all when None)."""
        headers = dict(request.pop("headers", {}))
        if as_:
            headers.setdefault("Authorization", f"Bearer {issue(self.settings, as_, scopes)}")
        web = self.app.test_client()
        return web.open(V1 + path, method=method, headers=headers, **request)

    def made(self, as_: str = "ada", **body: Any) -> dict[str, Any]:
        """A new recognition: a thank-you to Grace unless `body` says otherwise."""
        answer = self.call("POST", "/recognitions", as_, json=thanks(**body))
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def key(self, *scopes: str, **asked: Any) -> str:
        """The token of a new API key."""
        body = {"name": "a test", "scopes": list(scopes), **asked}
        answer = self.call("POST", "/api-keys", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json["key"])

    def with_key(
        self, token: str, method: str, path: str, for_: str | None = None, **request: Any
    ) -> Any:
        """The API's response to whoever holds an API key (on behalf of `for_`)."""
        headers = {"Authorization": f"Bearer {token}", **({_FOR: for_} if for_ else {})}
        return self.call(method, path, None, headers=headers, **request)

    def events(self, subject: str) -> list[Event]:
        """The unpublished events of one record, each held to its contract."""
        entries = self.db["outbox"].find({"subject": subject}).sort("version", 1)
        found = [event_of(entry, "/recognition") for entry in entries]
        for event in found:
            check(event)
        return found

    def audited(self) -> list[dict[str, Any]]:
        """The audit log, the oldest entry first."""
        return list(self.db["audit"].find({}).sort("_id", 1))


def thanks(**more: Any) -> dict[str, Any]:
    """The body of a thank-you to Grace."""
    return {"kind": "thank_you", "recipients": ["grace"], "message": "Thank you"} | more


def please(**more: Any) -> dict[str, Any]:
    """The body of a please to Bob."""
    return {"kind": "please", "recipients": ["bob"], "message": "Please review"} | more
