"""The primitives of the database that the suite builds on, under the races that it meets.

A server that fails one of these cannot keep what section 6 of the design promises, whatever it
calls itself: run this file first against a new kind or version (KUDOS_TEST_MONGO_URI).
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from shared.config import Settings
from shared.mongo import (
    Client,
    Document,
    ensure_index,
    find_many,
    in_transaction,
    require_transactions,
)

RACERS = 8


@pytest.fixture
def things(client: Client, settings: Settings) -> Collection[Document]:
    return client[settings.database("recognition")]["things"]


def race(act: Callable[[int], Any], racers: int = RACERS) -> list[Any]:
    """What `act(number)` answers to each of some threads that start together."""
    barrier = Barrier(racers)

    def run(number: int) -> Any:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))


def test_the_server_has_transactions(client: Client) -> None:
    require_transactions(client)


def test_racing_increments_that_return_the_document_after_return_distinct_values(
    things: Collection[Document],
) -> None:
    def increment(_number: int) -> list[int]:
        taken = []
        for _ in range(25):
            after = things.find_one_and_update(
                {"_id": 1},
                {"$inc": {"count": 1}},
                return_document=ReturnDocument.AFTER,
            )
            assert after is not None
            taken.append(after["count"])
        return taken

    things.insert_one({"_id": 1, "count": 0})
    taken = [count for counts in race(increment) for count in counts]
    assert sorted(taken) == list(range(1, 25 * RACERS + 1))


def test_of_racing_guarded_updates_one_modifies(things: Collection[Document]) -> None:
    for round_ in range(20):
        things.insert_one({"_id": round_, "version": 1})

        def update(number: int, round_: int = round_) -> int:
            guarded = {"_id": round_, "version": 1}
            return things.update_one(guarded, {"$set": {"version": 2, "by": number}}).modified_count

        assert sum(race(update)) == 1


def test_of_racing_upserts_one_inserts(things: Collection[Document]) -> None:
    for round_ in range(20):

        def upsert(_number: int, round_: int = round_) -> bool:
            update = {"$inc": {"count": 1}}
            return things.update_one({"_id": round_}, update, upsert=True).upserted_id is not None

        assert sum(race(upsert)) == 1
        assert things.find_one({"_id": round_}) == {"_id": round_, "count": RACERS}


def test_of_racing_inserts_of_one_id_one_succeeds(things: Collection[Document]) -> None:
    def insert(number: int) -> bool:
        try:
            things.insert_one({"_id": "same", "by": number})
        except DuplicateKeyError:
            return False
        return True

    assert sum(race(insert)) == 1


def test_a_partial_unique_index_holds_in_a_race_and_lets_others_be(
    things: Collection[Document],
) -> None:
    things.create_index(
        "external_id", unique=True, partialFilterExpression={"external_id": {"$type": "string"}}
    )
    things.insert_many([{"external_id": None}, {"external_id": None}, {}, {}])

    def insert(number: int) -> bool:
        try:
            things.insert_one({"_id": number, "external_id": "import-1"})
        except DuplicateKeyError:
            return False
        return True

    assert sum(race(insert)) == 1


def test_a_sparse_index_finds_what_carries_the_field_and_nothing_else(
    things: Collection[Document],
) -> None:
    things.create_index("outbox_since", sparse=True)
    since = datetime(2026, 11, 22, tzinfo=UTC)
    things.insert_many([{"_id": 1, "outbox_since": since}, {"_id": 2}])
    assert [thing["_id"] for thing in things.find({"outbox_since": {"$exists": True}})] == [1]
    things.update_one({"_id": 1}, {"$unset": {"outbox_since": ""}})
    assert list(things.find({"outbox_since": {"$exists": True}})) == []


def test_racing_transactions_lose_no_update(client: Client, things: Collection[Document]) -> None:
    things.insert_many([{"_id": "a", "count": 0}, {"_id": "b", "count": 0}])

    def move(session: ClientSession) -> None:
        a = things.find_one({"_id": "a"}, session=session)
        assert a is not None
        things.update_one({"_id": "a"}, {"$set": {"count": a["count"] + 1}}, session=session)
        things.update_one({"_id": "b"}, {"$inc": {"count": -1}}, session=session)

    race(lambda _number: [in_transaction(client, move) for _ in range(5)], racers=4)
    counts = {thing["_id"]: thing["count"] for thing in things.find()}
    assert counts == {"a": 20, "b": -20}


def test_a_transaction_that_fails_leaves_nothing(
    client: Client, things: Collection[Document]
) -> None:
    def fail(session: ClientSession) -> None:
        things.insert_one({"_id": 1}, session=session)
        things.update_one({"_id": 2}, {"$set": {"x": 1}}, upsert=True, session=session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_transaction(client, fail)
    assert things.count_documents({}) == 0


def test_a_duplicate_in_a_transaction_undoes_all_of_it(
    client: Client, things: Collection[Document]
) -> None:
    things.insert_one({"_id": "taken"})

    def insert(session: ClientSession) -> None:
        things.insert_one({"_id": "new"}, session=session)
        things.insert_one({"_id": "taken"}, session=session)

    with pytest.raises(DuplicateKeyError):
        in_transaction(client, insert)
    assert [thing["_id"] for thing in things.find()] == ["taken"]


def test_of_racing_transactions_that_insert_one_id_one_commits(
    client: Client, things: Collection[Document]
) -> None:
    def insert(number: int) -> bool:
        def work(session: ClientSession) -> None:
            things.insert_one({"_id": "key"}, session=session)
            things.insert_one({"_id": f"effect-{number}"}, session=session)

        try:
            in_transaction(client, work)
        except DuplicateKeyError:
            return False
        return True

    assert sum(race(insert)) == 1
    assert things.count_documents({}) == 2


def test_a_transaction_reads_one_instant_and_its_own_writes(
    client: Client, things: Collection[Document]
) -> None:
    things.insert_one({"_id": 1, "count": 1})

    def work(session: ClientSession) -> tuple[Any, Any]:
        things.find_one({"_id": 2}, session=session)
        things.update_one({"_id": 1}, {"$set": {"count": 2}})  # outside, after the snapshot
        things.insert_one({"_id": 2}, session=session)
        return things.find_one({"_id": 1}, session=session), things.find_one(
            {"_id": 2}, session=session
        )

    assert in_transaction(client, work) == ({"_id": 1, "count": 1}, {"_id": 2})
    assert things.find_one({"_id": 1}) == {"_id": 1, "count": 2}


def test_what_a_transaction_wrote_is_seen_by_others_all_at_once(
    client: Client, things: Collection[Document]
) -> None:
    seen = []

    def work(session: ClientSession) -> None:
        things.insert_many([{"_id": number} for number in range(50)], session=session)
        seen.append(things.count_documents({}))

    in_transaction(client, work)
    seen.append(things.count_documents({}))
    assert seen == [0, 50]


def test_a_guard_that_no_longer_holds_is_told_within_a_transaction(
    client: Client, things: Collection[Document]
) -> None:
    """What follows the log rests on this: see shared/eventlog/follower.py."""
    offsets = {"kudos.recognition.v1/0": 5, "kudos.recognition.v1/1": 7}
    things.insert_one({"_id": "group", "offsets": offsets})
    moved: Counter[int] = Counter()

    def move(number: int) -> None:
        def work(session: ClientSession) -> int:
            expected = {"_id": "group", "offsets": offsets}
            after = {**offsets, "kudos.recognition.v1/0": 6 + number}
            update = {"$set": {"offsets": after}}
            return things.update_one(expected, update, session=session).matched_count

        moved[number] = in_transaction(client, work)

    race(move)
    assert sum(moved.values()) == 1
    (winner,) = [number for number in moved if moved[number]]
    thing = things.find_one({"_id": "group"})
    assert thing is not None
    assert thing["offsets"]["kudos.recognition.v1/0"] == 6 + winner


def test_a_transaction_gives_up_in_the_end(client: Client, things: Collection[Document]) -> None:
    things.insert_one({"_id": 1})

    def work(session: ClientSession) -> None:
        things.find_one({"_id": 1}, session=session)
        things.update_one({"_id": 1}, {"$inc": {"outside": 1}})
        things.update_one({"_id": 1}, {"$inc": {"inside": 1}}, session=session)

    with pytest.raises(OperationFailure) as refused:
        in_transaction(client, work, seconds=0.3)
    assert refused.value.has_error_label("TransientTransactionError")


def test_an_unordered_bulk_tells_each_duplicate_and_writes_the_rest(
    things: Collection[Document],
) -> None:
    things.insert_one({"_id": 1})
    with pytest.raises(BulkWriteError) as refused:
        things.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 1}, {"_id": 3}], ordered=False)
    details = refused.value.details
    assert [(error["index"], error["code"]) for error in details["writeErrors"]] == [
        (0, 11000),
        (2, 11000),
    ]
    assert things.count_documents({}) == 3


def test_a_bulk_of_upserts_in_a_transaction_adds_up(
    client: Client, things: Collection[Document]
) -> None:
    def work(session: ClientSession) -> None:
        writes = [
            UpdateOne({"_id": number % 40}, {"$inc": {"counts.2026-11": 1}}, upsert=True)
            for number in range(200)
        ]
        things.bulk_write(writes, ordered=False, session=session)

    race(lambda _number: in_transaction(client, work), racers=3)
    assert {thing["counts"]["2026-11"] for thing in things.find()} == {15}
    assert things.count_documents({}) == 40


def test_reads_at_majority_see_what_was_acknowledged(things: Collection[Document]) -> None:
    majority = things.with_options(read_concern=ReadConcern("majority"))
    for number in range(50):
        things.insert_one({"_id": number})
        assert majority.find_one({"_id": number}) == {"_id": number}


def test_find_many_finds_each_once_whatever_the_number(things: Collection[Document]) -> None:
    things.insert_many([{"_id": number} for number in range(120)])
    wanted = [*range(130), *range(10)]
    assert [thing["_id"] for thing in find_many(things, "_id", wanted)] == list(range(120))
    assert list(find_many(things, "_id", [])) == []


def test_an_index_that_an_earlier_version_made_otherwise_is_made_anew(
    things: Collection[Document],
) -> None:
    ensure_index(things, [("order", 1)], name="order")
    for _ in range(2):
        ensure_index(things, [("order", 1), ("id", 1)], name="order", unique=True)
        (index,) = [each for each in things.list_indexes() if each["name"] == "order"]
        assert list(index["key"]) == ["order", "id"]
        assert index["unique"]
