"""What is said of a database that cannot be used."""

import pytest

from shared.config import ConfigError
from shared.mongo import connect, require_transactions
from tests.conftest import free_port


def test_an_unreachable_server_is_named_once_with_the_reason() -> None:
    port = free_port()
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200"

    with (
        connect(uri, "test") as client,
        pytest.raises(ConfigError) as refused,
    ):
        require_transactions(client)

    said = str(refused.value)
    assert said.startswith(f"cannot reach MongoDB at 127.0.0.1:{port}: ")
    assert said.count(str(port)) == 1
    assert "refused" in said
    assert "(" not in said
