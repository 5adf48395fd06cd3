"""What the launcher's database does with a transaction that is too large for its cache: it says so,
and lives on. By itself it would stand still for good (docs/adr/0012)."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import InsertOne
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from deploy.embedded import database
from shared.mongo import Client, connect, in_transaction, is_too_large, most_writes

TEXT = "x" * 2_000


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The launcher's own database in Python, with a sixteenth of its cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(database, "_CACHE_MEGABYTES", 16)
    chosen = database.choose(tmp_path)
    server = subprocess.Popen(chosen.command, env={**os.environ, **chosen.environment})
    try:
        deadline = time.monotonic() + 30
        while not chosen.answers():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with connect(chosen.uri, "tests") as client:
            yield client
    finally:
        server.kill()
        server.wait()


def test_a_transaction_too_large_for_the_cache_is_refused_and_a_smaller_one_passes(
    small: Client,
) -> None:
    things = small["test"]["things"]

    def write(number: int, session: ClientSession) -> None:
        for first in range(0, number, 500):
            some = [InsertOne({"_id": n, "text": TEXT}) for n in range(first, first + 500)]
            things.bulk_write(some, ordered=False, session=session)

    with pytest.raises(OperationFailure) as refused:
        in_transaction(small, lambda session: write(20_000, session))
    assert is_too_large(refused.value)
    assert things.count_documents({}) == 0

    in_transaction(small, lambda session: write(500, session))
    assert things.count_documents({}) == 500


def test_the_database_in_python_is_given_the_few(small: Client) -> None:
    assert most_writes(small) == 2_500
