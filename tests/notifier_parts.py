"""The notifier's parts over a real database and log, for tests that drive them step by step."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from services.notifier.app import create_app
from services.notifier.dispatching import Dispatcher
from services.notifier.fan_out import follower
from services.notifier.repository import Repository
from services.notifier.sealing import Seals
from services.notifier.sending import Resolver, Sender, resolve
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import DIRECTORY, RECOGNITION, Event, event_id
from shared.ids import new_id
from shared.mongo import Client

V1 = "/notifier/v1"


def recognition(
    giver: str = "person:ada",
    recipients: Sequence[str] = ("person:bob",),
    *,
    id: str | None = None,
    version: int = 1,
    type: str = "kudos.recognition.thanked",
    at: str | None = None,
    by: str | None = None,
    teams: Mapping[str, str] | None = None,
    partners: Mapping[str, str] | None = None,
    quiet: bool = False,
    **state: Any,
) -> Event:
    """A recognition event of now; `teams` and `partners` say for whom people stood."""
    identifier, at = id or new_id(), at or times.to_rfc3339(times.now())

    def side(ref: str) -> dict[str, Any]:
        kind = ref.partition(":")[0]
        team = ref if kind == "team" else (teams or {}).get(ref)
        partner = ref if kind == "partner" else (partners or {}).get(ref)
        return {"team": team, "partner": partner, "ancestors": []}

    full = {
        "id": identifier, "kind": "thank_you", "status": "given", "giver": giver,
        "recipients": list(recipients), "message": "Thank you", "link": None, "values": [],
        "visibility": "public", "answers": None, "echoes": None, "needed_by": None,
        "category": None, "promise": None, "fulfilled_at": None, "declined": None,
        "service_level": None, "given_at": at, "created_at": at, "version": version,
        "revision": version, "reactions": {}, "comment_count": 0, "external_id": None,
        "source": "test", "quiet": quiet, **state,
    }  # fmt: skip
    data = {
        "state": full,
        "attribution": {"giver": side(giver), "recipients": {r: side(r) for r in recipients}},
        "change": {"by": giver if by is None else by, "at": at},
        "quiet": quiet,
    }
    return _event(RECOGNITION, type, identifier, version, data, at)


def person(ref: str, *, version: int = 1, **state: Any) -> Event:
    """A version of a person of the directory."""
    identifier = ref.partition(":")[2]
    known = {
        "id": identifier, "ref": ref, "type": "person", "version": version,
        "name": identifier.title(), "email": None, "team": None, "partner": None, "manager": None,
        "active": True, "hidden_from_boards": False, "technical": False, "timezone": None,
        "photo_url": None, **state,
    }  # fmt: skip
    at = times.to_rfc3339(times.now())
    data = {"state": known, "change": {"by": None, "at": at}, "quiet": False}
    return _event(DIRECTORY, "kudos.person.changed", ref, version, data, at)


def _event(
    topic: str, type: str, subject: str, version: int, data: dict[str, Any], at: str
) -> Event:
    return Event(
        id=event_id(subject, version),
        type=type,
        source="/recognition",
        subject=subject,
        time=at,
        topic=topic,
        key=subject,
        data=data,
    )


class Notifier:
    """Log, fan-out, dispatcher and API of one namespace; nothing runs unless it is told to."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        *,
        resolver: Resolver = resolve,
        timeout_seconds: float = 2.0,
        channels: Collection[str] = (),
    ) -> None:
        self.settings = demo_settings(settings)
        self.client = client
        self.log = open_log(settings, client)
        self.log.ensure_topics((RECOGNITION, DIRECTORY))
        self.app = create_app(self.settings, client, resolver=resolver)
        self.db = client[settings.database("notifier")]
        self.repository = Repository(self.db)
        self.fan_out = follower(
            self.log, client, self.repository, settings.admins, channels=channels
        )
        self._resolver = resolver
        self._timeout = timeout_seconds
        self._dispatchers: list[Dispatcher] = []
        self.dispatcher = self.new_dispatcher()

    def new_dispatcher(self, **options: Any) -> Dispatcher:
        """Another one, as another process would have it."""
        sender = Sender(
            self.settings.webhook_allow,
            resolver=options.pop("resolver", self._resolver),
            timeout_seconds=self._timeout,
            tls=options.pop("tls", None),
        )
        seals = Seals(self.settings.secret_keys)
        options = {"admins": self.settings.admins} | options
        dispatcher = Dispatcher(self.repository, sender, seals, **options)
        self._dispatchers.append(dispatcher)
        return dispatcher

    def close(self) -> None:
        self.fan_out.close()
        for dispatcher in self._dispatchers:
            dispatcher.close()
        self.log.close()

    def call(
        self, method: str, path: str, as_: str = "ada", scopes: Any = None, **request: Any
    ) -> Any:
        """The API's response to `as_`."""
        headers = {"Authorization": f"Bearer {issue(self.settings, as_, scopes)}"}
        headers |= dict(request.pop("headers", {}))
        return self.app.test_client().open(V1 + path, method=method, headers=headers, **request)

    def subscribe(self, url: str, as_: str = "ada", **more: Any) -> dict[str, Any]:
        """A new endpoint with its secret."""
        answer = self.call("POST", "/webhooks", as_, json={"url": url, **more})
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def subscribe_nowhere(self) -> None:
        """An endpoint on a public address, for what makes deliveries and sends none."""
        self.subscribe("https://192.0.43.8/hook")

    def publish(self, *events: Event) -> None:
        """Append and fan out everything."""
        self.log.append(events)
        while self.fan_out.step():
            pass

    def inbox(self, as_: str) -> list[dict[str, Any]]:
        return list(self.call("GET", "/inbox", as_).json["items"])

    def attempts(self, endpoint: dict[str, Any], as_: str = "ada") -> list[dict[str, Any]]:
        path = f"/webhooks/{endpoint['id']}/attempts"
        return list(self.call("GET", path, as_).json["items"])

    def dispatch_until(
        self, condition: Callable[[], Any], seconds: float = 10, *dispatchers: Dispatcher
    ) -> None:
        """Step the dispatchers (default: the one) until `condition`."""

        def step() -> Any:
            for dispatcher in dispatchers or (self.dispatcher,):
                dispatcher.step()
            return condition()

        wait_until(step, seconds)

    def states(self) -> list[str]:
        """The states of all deliveries, sorted."""
        return sorted(each["state"] for each in self.db["deliveries"].find())


def wait_until(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Wait for a condition; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)
