"""How large batches are: by what the server bears, and less once it says that it was too much."""

from typing import Any

import pytest
from pymongo.errors import BulkWriteError, OperationFailure

from services.leaderboard.folder import BATCH, Folder
from shared.eventlog.follower import BatchTooLarge
from tests.leaderboard_memory import MemoryStore
from tests.unit.test_leaderboard_folding import SESSION, ZONE

REFUSALS = [
    OperationFailure("Transaction is too large ...", 388),
    BulkWriteError({"writeErrors": [{"index": 0, "code": 388, "errmsg": "too large"}]}),
]


class Refusing(MemoryStore):
    """A store whose server refuses what is written."""

    def __init__(self, refusal: OperationFailure) -> None:
        super().__init__({})
        self.refusal = refusal

    def put_lists(self, *_: Any) -> None:
        raise self.refusal


def test_a_batch_has_as_many_records_as_bring_what_a_transaction_takes() -> None:
    folder = Folder(MemoryStore({}), ZONE, most_writes=20_000)
    assert folder.fitting(records=100, writes=4_000, seconds=0.001) == 500
    assert folder.fitting(records=1, writes=1_000_000, seconds=0.001) == 1


def test_a_batch_has_more_records_while_it_takes_less_than_a_second() -> None:
    folder = Folder(MemoryStore({}), ZONE, most_writes=20_000)
    assert folder.fitting(records=1000, writes=1000, seconds=0.5) == 2 * BATCH
    assert folder.fitting(records=1000, writes=1000, seconds=0.001) == 5 * BATCH
    assert folder.fitting(records=4000, writes=4000, seconds=2.0) == 2 * BATCH


def test_a_batch_that_takes_long_has_no_fewer_records_than_the_first() -> None:
    folder = Folder(MemoryStore({}), ZONE, most_writes=20_000)
    assert folder.fitting(records=1000, writes=1000, seconds=30) == BATCH


@pytest.mark.parametrize("refusal", REFUSALS, ids=["statement", "bulk"])
def test_batches_are_half_as_large_once_the_server_says_they_were_too_large(
    refusal: OperationFailure,
) -> None:
    folder = Folder(Refusing(refusal), ZONE, most_writes=40_000)
    for expected in (500, 250, 125, 62, 62):
        with pytest.raises(BatchTooLarge):
            folder.apply([], SESSION)
        folder.forget()
        assert folder.fitting(records=1, writes=40, seconds=0.001) == expected


def test_another_failure_stays_what_it_is() -> None:
    folder = Folder(Refusing(OperationFailure("no", 13)), ZONE, most_writes=40_000)
    with pytest.raises(OperationFailure, match="no"):
        folder.apply([], SESSION)
    assert folder.fitting(records=1, writes=40, seconds=0.001) == 1000
