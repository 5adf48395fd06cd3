"""The three services with the workers that erase and report, driven step by step."""

from collections.abc import Iterator
from typing import Any

from services.leaderboard.privacy import BoardsHolder
from services.notifier.privacy import NotifierHolder
from services.recognition.privacy_worker import PrivacyWorker
from shared.config import Settings
from shared.mongo import Client
from shared.privacy import PrivacyFollower
from tests.access_parts import Services
from tests.recognition_parts import Clock

HOLDERS = {"leaderboard": BoardsHolder, "notifier": NotifierHolder}


class Privacy(Services):
    """The services over one database; `clock` is that of the erasing worker."""

    def __init__(self, settings: Settings, client: Client) -> None:
        super().__init__(settings, client)
        self.clock = Clock()
        self.clock.pass_(days=365)  # beyond whatever is in flight
        self._workers: list[Any] = []

    def worker(self) -> PrivacyWorker:
        """Another worker of recognition, as after a death."""
        return self._of(PrivacyWorker(self.settings, self.client, self.log, now=self.clock))

    def holder(self, service: str) -> PrivacyFollower:
        """Another follower of a service."""
        holder = HOLDERS[service](self.settings, self.client)
        return self._of(PrivacyFollower(self.settings, self.client, service, self.log, holder))

    def _of(self, worker: Any) -> Any:
        self._workers.append(worker)
        return worker

    def step_all(self) -> None:
        """Let everything happen once, with workers that remember nothing."""
        for worker in (self.worker(), *map(self.holder, HOLDERS)):
            worker.step()
            self.close_worker(worker)
        self.spread()

    def close_worker(self, worker: Any) -> None:
        """Give its lease back."""
        for close in worker._closing:
            close()

    def erase(self, person: str) -> dict[str, Any]:
        """Ask for an erasure, and carry it through."""
        answer = self.recognition.call("POST", f"/people/{person}/erasure", "root")
        assert answer.status_code == 202, answer.text
        return self.until_done(answer.json["id"])

    def until_done(self, erasure: str) -> dict[str, Any]:
        """The view of an erasure once it is done."""
        for _ in range(12):
            view = self.recognition.call("GET", f"/erasures/{erasure}", "root").json
            if view["status"] == "done":
                return dict(view)
            self.step_all()
        raise AssertionError(view)

    def report(self, person: str, as_: str | None = None) -> dict[str, Any]:
        """The access report of somebody, for themselves unless `as_` says otherwise."""
        for _ in range(12):
            path = f"/people/{person}/access-report"
            answer = self.recognition.call("GET", path, as_ or person)
            if answer.status_code == 200:
                return dict(answer.json)
            assert answer.status_code == 202, answer.text
            self.step_all()
        raise AssertionError(answer.json)

    def found(self, *texts: str, without_log: bool = False) -> list[tuple[str, str, Any]]:
        """(database, collection, document) wherever one of `texts` stands, in any database."""
        return list(self._found([text.encode() for text in texts], without_log))

    def _found(self, texts: list[bytes], without_log: bool) -> Iterator[tuple[str, str, Any]]:
        ours = f"{self.settings.namespace}_"
        for name in self.client.list_database_names():
            if not name.startswith(ours) or (without_log and name.endswith("_log")):
                continue
            for collection in self.client[name].list_collection_names():
                for document in self.client[name][collection].find({}):
                    if any(text in repr(document).encode() for text in texts):
                        yield name, collection, document
