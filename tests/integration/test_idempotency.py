"""Idempotency keys against the real database: one effect, one answer, whatever races."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pymongo.client_session import ClientSession

from shared import times
from shared.config import Settings
from shared.mongo import Client, in_transaction
from shared.web.idempotency import KEPT_FOR, Answer, Idempotency, Key, make_key
from shared.web.problems import KeyInUse, KeyReused


class Shop:
    """A service whose effect is one document in `orders`, each with a number of its own."""

    def __init__(self, client: Client, settings: Settings) -> None:
        database = client[settings.database("recognition")]
        self.client = client
        self.orders = database["orders"]
        self.idempotency = Idempotency(database["idempotency"])
        self.idempotency.ensure_indexes()
        self.orders.insert_one({"_id": "first"})
        self.attempts = 0

    def place(self, session: ClientSession) -> Answer:
        self.attempts += 1
        number = f"order-{threading.get_ident()}-{self.attempts}"
        self.orders.insert_one({"_id": number}, session=session)
        return Answer.of({"number": number}, 201, {"Location": f"/orders/{number}"})

    def post(self, key: Key | None) -> Answer:
        return self.idempotency.run(self.client, key, self.place)

    def placed(self) -> int:
        return self.orders.count_documents({"_id": {"$ne": "first"}})


@pytest.fixture
def shop(client: Client, settings: Settings) -> Shop:
    return Shop(client, settings)


def a_key(body: bytes = b"{}", given: str = "k1", caller: str = "person:ada") -> Key:
    return make_key(caller, "POST /recognition/v1/recognitions", given, body)


def test_the_same_key_and_body_get_the_first_answer_and_no_second_effect(shop: Shop) -> None:
    first, second = shop.post(a_key()), shop.post(a_key())
    assert (second.status, second.body, second.headers) == (
        first.status,
        first.body,
        first.headers,
    )
    assert (first.is_replay, second.is_replay) == (False, True)
    assert shop.placed() == 1


def test_another_body_under_the_same_key_is_refused_and_writes_nothing(shop: Shop) -> None:
    shop.post(a_key(b'{"a":1}'))
    with pytest.raises(KeyReused):
        shop.post(a_key(b'{"a":2}'))
    assert shop.placed() == 1


@pytest.mark.parametrize(
    "other",
    [
        a_key(given="k2"),
        a_key(caller="person:bob"),
        make_key("person:ada", "POST /recognition/v1/recognitions/7/promise", "k1", b"{}"),
    ],
    ids=["key", "caller", "route"],
)
def test_keys_are_apart_per_key_caller_and_route(shop: Shop, other: Key) -> None:
    shop.post(a_key())
    assert not shop.post(other).is_replay
    assert shop.placed() == 2


def test_without_a_key_each_post_has_its_effect(shop: Shop) -> None:
    shop.post(None)
    shop.post(None)
    assert shop.placed() == 2


def test_an_effect_that_fails_leaves_no_record_so_that_it_may_be_tried_again(shop: Shop) -> None:
    def refuse(session: ClientSession) -> Answer:
        shop.place(session)
        raise LookupError("no such recipient")

    with pytest.raises(LookupError):
        shop.idempotency.run(shop.client, a_key(), refuse)
    assert shop.placed() == 0
    assert not shop.post(a_key()).is_replay
    assert shop.placed() == 1


def test_a_record_never_stays_without_its_effect(shop: Shop) -> None:
    def die_after_recording(session: ClientSession) -> Answer:
        answer = shop.place(session)
        shop.idempotency.record(session, a_key(), answer)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        in_transaction(shop.client, die_after_recording)
    assert shop.idempotency.lookup(a_key()) is None
    assert shop.placed() == 0


def test_only_2xx_is_kept(shop: Shop) -> None:
    def not_found(_session: ClientSession) -> Answer:
        return Answer.of({}, 404)

    with pytest.raises(ValueError, match="only 2xx"):
        shop.idempotency.run(shop.client, a_key(), not_found)
    assert shop.idempotency.lookup(a_key()) is None


def test_sixteen_racing_posts_with_one_key_take_effect_once_and_agree(shop: Shop) -> None:
    start = threading.Barrier(16)

    def post(_number: int) -> Answer | None:
        start.wait()
        try:
            return shop.post(a_key())
        except KeyInUse:
            return None

    for attempt in range(5):
        shop.orders.delete_many({"_id": {"$ne": "first"}})
        shop.idempotency.collection.delete_many({})
        with ThreadPoolExecutor(16) as pool:
            answers = [answer for answer in pool.map(post, range(16)) if answer is not None]
        assert shop.placed() == 1, f"attempt {attempt}"
        assert len({answer.body for answer in answers}) == 1
        assert [answer.is_replay for answer in answers].count(False) == 1


def test_while_the_first_still_runs_the_second_is_told_so_and_gets_its_answer_later(
    shop: Shop,
) -> None:
    is_recorded, may_commit = threading.Event(), threading.Event()

    def slow(session: ClientSession) -> Answer:
        answer = shop.place(session)
        shop.idempotency.record(session, a_key(), answer)
        is_recorded.set()
        assert may_commit.wait(10)
        return answer

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_transaction, shop.client, slow)
        assert is_recorded.wait(10)
        with pytest.raises(KeyInUse):
            shop.post(a_key())
        may_commit.set()
        answer = first.result(10)
    second = shop.post(a_key())
    assert second.is_replay
    assert second.body == answer.body
    assert shop.placed() == 1


def test_after_24_hours_the_key_is_free_again(shop: Shop) -> None:
    shop.post(a_key())
    later = Idempotency(
        shop.idempotency.collection, lambda: times.now() + KEPT_FOR + timedelta(seconds=1)
    )
    assert not later.run(shop.client, a_key(b"other"), shop.place).is_replay
    assert shop.placed() == 2


def test_the_database_is_told_to_forget_after_24_hours(shop: Shop) -> None:
    indexes: dict[str, Any] = shop.idempotency.collection.index_information()
    assert indexes["forgotten"]["expireAfterSeconds"] == 24 * 3600
