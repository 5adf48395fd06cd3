"""Every query about keys goes by an index (tests/queries.py says what that is)."""

from typing import Any

from pymongo import MongoClient

from shared.auth.api_keys import id_of
from shared.config import Settings
from tests.access_parts import Services
from tests.notifier_parts import wait_until
from tests.queries import Queries, goes_by_index

NAMES = ("api_keys", "api_key_uses")


def test_every_query_about_keys_goes_by_an_index(settings: Settings) -> None:
    of_services = [Queries(settings.database(name)) for name in ("recognition", "leaderboard")]
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=of_services
    )
    services = Services(settings, client)
    api = services.recognition
    tokens = [api.key("kudos:read") for _ in range(4)]
    services.spread()
    api.with_key(tokens[0], "GET", "/me")
    services.ask("leaderboard", "GET", "/boards", tokens[0])
    for database in (api.db, services.leaderboard.db):
        wait_until(lambda database=database: database["api_key_uses"].find_one({}, {"_id": 1}))
    services.spread()
    page = api.call("GET", "/api-keys?limit=2").json
    api.call("GET", f"/api-keys?limit=2&cursor={page['next']}")
    api.call("POST", f"/api-keys/{id_of(tokens[1])}/rotate", json={})
    api.call("DELETE", f"/api-keys/{id_of(tokens[1])}")
    services.spread()
    services.close()

    for queries, db in zip(of_services, (api.db, services.leaderboard.db), strict=True):
        for queried in NAMES:
            indexes = [list(index["key"]) for index in db[queried].list_indexes()]
            asked = {
                shape: query
                for shape, (collection, query) in queries.seen.items()
                if collection == queried and query  # {} is the test's own
            }
            assert asked, (db.name, queried)
            scans = [shape for shape, query in asked.items() if not goes_by_index(query, indexes)]
            assert scans == [], (db.name, queried)
    client.close()
