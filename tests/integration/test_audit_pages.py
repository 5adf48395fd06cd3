"""Pages of the audit log: each entry once, the newest first, and no query reads all of it."""

from datetime import timedelta
from typing import Any

from pymongo import MongoClient

from services.recognition.audit import audit_entry
from shared import times
from shared.config import Settings
from tests.queries import Queries, goes_by_index, indexes_of
from tests.recognition_parts import RecognitionParts

ENTRIES, LIMIT = 900, 50


class Pages(Queries):
    """How many entries each query for a page matched."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.database("recognition"))
        self.asked: list[dict[str, Any]] = []

    def _add(self, database: str, collection: str, query: Any) -> None:
        super()._add(database, collection, query)
        if collection == "audit":
            self.asked.append(dict(query))


def test_pages_hold_each_entry_once_and_match_little_more(settings: Settings) -> None:
    queries = Pages(settings)
    client: MongoClient[Any] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[queries]
    )
    with client:
        parts = RecognitionParts(settings, client)
        now = times.now()
        entries = [
            audit_entry(None, "a.test", f"{number}", now - timedelta(hours=number // 3))
            for number in range(ENTRIES)  # three of each instant
        ]
        parts.db["audit"].insert_many(entries)
        found: list[str] = []
        matched: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            queries.asked = []
            page = parts.call("GET", f"/audit?limit={LIMIT}" + (cursor and f"&cursor={cursor}"))
            asked, queries.asked = queries.asked, []
            found += [entry["id"] for entry in page.json["items"]]
            matched.append(sum(parts.db["audit"].count_documents(query) for query in asked))
            cursor = page.json["next"]
        newest_first = sorted(entries, key=lambda one: (one["at"], one["_id"]), reverse=True)
        assert found == [entry["_id"] for entry in newest_first]
        assert max(matched) <= 3 * LIMIT
        indexes = indexes_of(parts.db["audit"])
        seen = [query for collection, query in queries.seen.values() if collection == "audit"]
        own = [query for query in seen if query]  # {} is RecognitionParts', which clears it
        assert own
        assert all(goes_by_index(query, indexes) for query in own)


def test_a_cursor_of_before_is_refused(recognition: RecognitionParts) -> None:
    answer = recognition.call("GET", "/audit?cursor=WyIwMTkzIl0")
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/bad-cursor")
