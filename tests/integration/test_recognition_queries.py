"""Every query of recognition goes by an index, whichever test asks: conftest.py watches them."""

from pymongo import MongoClient

from services.recognition.repository import RecognitionRepository
from shared.config import Settings
from tests.queries import Watch

_WHOLE = "an export, an import of the directory or an erasure reads all of it"
_FIRST_PAGE = "as many as a page holds, or few in all"
_UPGRADE = "once, when a directory or recognitions of an earlier version open"

BOUNDED = {
    "outbox {'at': {'$lte': '?'}}": "an erasure looks at all that waits",
    **{
        f"{collection} {{}}": _WHOLE
        for collection in ("recognitions", "directory", "comments", "audit", "reports", "ledgers")
    },
    **{f"{collection} {{}}": _FIRST_PAGE for collection in ("values", "service_levels")},
    "api_keys {}": "keys are few, and an erasure looks at all",
    "idempotency {}": "an erasure looks at all answers of a day",
    "recognitions {'_id': {'$gt': '?'}}": _UPGRADE,
    "directory {'_id': {'$gt': '?'}}": _UPGRADE,
    "directory {'email': {'$ne': '?'}}": _UPGRADE,
    "directory {'outbox_since': {'$exists': '?'}}": _UPGRADE,
    "leases {'name': '?'}": "there is one for each worker and slot",
    "ledgers {'only': {'$gt': '?'}, '_id': {'$gt': '?'}}": "the sparse index is named",
    "service_levels {'retired': '?', 'provider': {'$in': ['?']}}": "measured: 1 ms of 6,000",
}
"""What no index answers, and why it may be asked."""


def test_a_query_without_an_index_is_noticed(settings: Settings) -> None:
    watch = Watch("recognition")
    client: MongoClient[dict[str, object]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[watch]
    )
    with client:
        recognitions = RecognitionRepository(client[settings.database("recognition")])
        recognitions.promised_by("person:ada")
        recognitions.ensure_indexes()
        assert watch.scans(client) == []
        recognitions.several(["a", "b"])
        recognitions._collection = recognitions._collection.database["unindexed"]
        recognitions.promised_by("person:ada")
        assert watch.scans(client) == ["unindexed {'owed_by': '?', 'status': '?'}"]
        list(recognitions._collection.find({"mine": 1}))
        assert watch.scans(client) == [], "what a test asks is its own"
