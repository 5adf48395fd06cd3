"""Trends put together for a test: series folded in transactions, the API."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from services.leaderboard.app import create_app
from services.leaderboard.batch import Batch, Pair
from services.leaderboard.domain.contribution import Contribution, contribution_of
from services.leaderboard.domain.folding import Fold
from services.leaderboard.loading import Loaded
from services.leaderboard.repository import Generations, MongoStore, ensure_indexes
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.repository.team_sizes import TeamSizes
from services.leaderboard.series import Series
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client, in_transaction
from shared.replica import replica_entry
from shared.times import parse_rfc3339

READ = ("kudos:read",)
NOW = "2026-11-24T12:00:00Z"


def batch(*pairs: Pair) -> Batch:
    """A batch as series see it."""
    return Batch(pairs, Loaded({}, {}, {}, {}), Fold({}, {}, {}, {}))


class TrendParts:
    """The service of a test's own settings, as of NOW, with a folder that folds series alone."""

    def __init__(self, settings: Settings, client: Client, zone: str = "UTC") -> None:
        self.settings = demo_settings(settings)
        self.client = client
        self.db = client[settings.database("leaderboard")]
        self.zone = ZoneInfo(zone)
        ensure_indexes(self.db)
        generations = Generations(self.db)
        created = generations.create("live", zone, {})
        assert created is not None
        self.generation = created.id
        generations.note_current(self.generation, parse_rfc3339(NOW))
        TeamSizes(self.db).fill()
        self.series = Series(SeriesStore(self.db, self.generation))
        self.held: dict[str, tuple[int, Contribution | None]] = {}
        self.web = create_app(self.settings, client).test_client()

    def know(self, *entries: Event) -> None:
        """Store versions of people and teams."""
        after = [replica_entry(event.data["state"]) for event in entries]

        def write(session: ClientSession) -> None:
            store = MongoStore(self.db, self.generation)
            before = dict(store.entries([entry["_id"] for entry in after], session))
            store.put_entries(after, before, session)

        in_transaction(self.client, write)

    def fold(self, *events: Event, at: datetime | None = None) -> int:
        """Fold versions of recognitions, as one batch; how many documents that wrote."""
        now = at or parse_rfc3339(NOW)
        return self.fold_states(
            [(each.data["state"], each.data["attribution"]) for each in events], now
        )

    def fold_states(
        self, states: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], now: datetime
    ) -> int:
        """Fold states with their attributions, as one batch, as of `now`."""
        newest = {
            state["id"]: (state, attribution)
            for state, attribution in sorted(states, key=lambda each: int(each[0]["version"]))
        }
        pairs: list[Pair] = []
        for identifier, (state, attribution) in newest.items():
            version, old = self.held.get(identifier, (0, None))
            if state["version"] > version:
                new = contribution_of(state, attribution, self.zone, now)
                pairs.append((old, new))
                self.held[identifier] = state["version"], new
        written = in_transaction(
            self.client, lambda session: self.series.apply(batch(*pairs), session)
        )
        self.series.settle()
        return written

    def restart_web(self) -> None:
        """Answer from a process that remembers nothing."""
        self.web = create_app(self.settings, self.client).test_client()

    def get(
        self,
        as_: str | None = "ada",
        scopes: Iterable[str] | None = READ,
        accept: str | None = None,
        **query: Any,
    ) -> Any:
        """The response to GET /trends; `from_` stands for `from`."""
        headers = {"Authorization": f"Bearer {issue(self.settings, as_, scopes)}"} if as_ else {}
        if accept:
            headers["Accept"] = accept
        named = {name.rstrip("_"): value for name, value in query.items()}
        return self.web.get("/leaderboard/v1/trends", query_string=named, headers=headers)

    def trend(self, scope: str = "org", **options: Any) -> dict[str, Any]:
        """A trend that must be there."""
        response = self.get(scope=scope, **options)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.get_json()
        return found

    def totals(self, scope: str = "org", **options: Any) -> dict[str, int]:
        """What the buckets of a trend add up to, without zeros."""
        found: dict[str, int] = {}
        for bucket in self.trend(scope, **options)["buckets"]:
            for name, number in bucket.items():
                if isinstance(number, int) and not isinstance(number, bool) and number:
                    found[name] = found.get(name, 0) + number
        return found
