"""The parts of services, over the real database."""

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import RecognitionParts


@pytest.fixture
def recognition(settings: Settings, client: Client) -> RecognitionParts:
    """The recognition service with a small directory."""
    return RecognitionParts(settings, client)
