"""The parts of services, over the real database."""

from collections.abc import Iterator

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.conftest import WATCH
from tests.integration.test_recognition_queries import BOUNDED
from tests.recognition_parts import RecognitionParts


@pytest.fixture
def recognition(settings: Settings, client: Client) -> RecognitionParts:
    """The recognition service with a small directory."""
    return RecognitionParts(settings, client)


@pytest.fixture(autouse=True)
def every_query_takes_an_index(request: pytest.FixtureRequest, namespace: str) -> Iterator[None]:
    """Whatever recognition asks for the first time in a test goes by an index, or BOUNDED says why
    it may be asked."""
    del namespace  # looked at before its databases are dropped
    yield
    if WATCH.new:
        client: Client = request.getfixturevalue("session_client")
        unexplained = [scan for scan in WATCH.scans(client) if scan not in BOUNDED]
        if unexplained:
            pytest.fail("no index serves:\n" + "\n".join(unexplained))
