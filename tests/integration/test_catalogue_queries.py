"""Every query of values and service levels goes by an index (tests/queries.py says what that is),
and matches what it is for."""

from typing import Any

from pymongo import MongoClient

from shared.config import Settings
from tests.queries import Queries, goes_by_index
from tests.recognition_parts import RecognitionParts, please, thanks

COLLECTIONS = ("values", "service_levels")

BOUNDED = {
    "values {}": "the catalogue, or its first page",
    "service_levels {}": "the first page",
    "service_levels {'retired': '?', 'provider': {'$in': ['?']}}": "measured: 1 ms of 6,000",
}
"""What no rule about indexes covers, and why it may be asked."""


def edit(parts: RecognitionParts, path: str, body: dict[str, Any]) -> None:
    """Create it, and change it."""
    made = parts.call("PUT", path, json=body, headers={"If-None-Match": "*"})
    assert made.status_code == 201, made.text
    retired = {**body, "retired": True}
    changed = parts.call("PUT", path, json=retired, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text


def read(parts: RecognitionParts, path: str, as_: str) -> None:
    """Page after page."""
    cursor = ""
    while cursor is not None:
        page = parts.call("GET", f"{path}?limit=1{cursor}", as_, ["kudos:read"])
        assert page.status_code == 200, page.text
        cursor = f"&cursor={page.json['next']}" if page.json["next"] else None


def test_every_query_goes_by_an_index(settings: Settings) -> None:
    queries = Queries(settings.database("recognition"))
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[queries]
    )
    parts = RecognitionParts(settings, client)
    for number in range(3):
        times = {"provider": "core", "category": f"c{number}", "fulfil_within_seconds": 60}
        edit(parts, f"/service-levels/l{number}", {"name": "L", **times})
        edit(parts, f"/values/v{number}", {"name": "V", "order": 10 + number // 2})
    for path in ("/values", "/service-levels"):
        read(parts, path, "ada")
        read(parts, path, "smith")
    parts.made("grace", **please(recipients=["bob", "smith"], values=["honesty"]))
    parts.made("grace", **thanks(recipients=["bob"], values=["honesty"]))

    seen = {shape: asked for shape, asked in queries.seen.items() if asked[0] in COLLECTIONS}
    indexes = {
        name: [list(index["key"]) for index in parts.db[name].list_indexes()]
        for name in COLLECTIONS
    }
    client.close()
    scans = [
        shape
        for shape, (collection, query) in seen.items()
        if not goes_by_index(query, indexes[collection])
    ]
    assert len(seen) > 8
    assert sorted(scans) == sorted(BOUNDED)
