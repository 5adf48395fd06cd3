"""The leaderboard put together for a test: a log, a projector's step, the API."""

from collections.abc import Iterable
from typing import Any

from services.leaderboard.app import create_app
from services.leaderboard.projector import Projector
from services.leaderboard.repository import ensure_indexes
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import TOPICS, Event
from shared.mongo import Client

V1 = "/leaderboard/v1"
READ = ("kudos:read",)


class Leaderboard:
    """The service of a test's own settings, without processes."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = demo_settings(settings)
        self.client = client
        self.db = client[settings.database("leaderboard")]
        ensure_indexes(self.db)
        self.log = open_log(settings, client)
        self.log.ensure_topics(TOPICS)
        self.projector = Projector(self.settings, client, self.log)
        self.web = create_app(self.settings, client).test_client()

    def fold(self, *events: Event) -> None:
        """Publish events and fold them; requests see them from then on."""
        self.log.append(events)
        while self.projector.step():
            pass
        self.restart_web()

    def restart_web(self) -> None:
        """Answer from a process that remembers nothing, so that there is nothing to wait for."""
        self.web = create_app(self.settings, self.client).test_client()

    def get(
        self,
        path: str,
        as_: str | None = "ada",
        scopes: Iterable[str] | None = READ,
        accept: str | None = None,
        **query: Any,
    ) -> Any:
        """The response to GET `path`."""
        headers = {"Authorization": f"Bearer {issue(self.settings, as_, scopes)}"} if as_ else {}
        if accept:
            headers["Accept"] = accept
        return self.web.get(V1 + path, query_string=query, headers=headers)

    def board(self, board: str = "received", **options: Any) -> dict[str, Any]:
        """A page of a board that must be there."""
        response = self.get(f"/boards/{board}", **options)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.get_json()
        return page

    def places(self, board: str = "received", **options: Any) -> list[tuple[int, str, int]]:
        """(rank, subject, score) of a page."""
        entries = self.board(board, **options)["entries"]
        return [(entry["rank"], entry["subject"], entry["score"]) for entry in entries]
