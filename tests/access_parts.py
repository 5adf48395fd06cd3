"""API keys in all three services over one database, their workers driven step by step."""

from typing import Any

from services.recognition.access import KeyUseFollower
from services.recognition.relay import PROMPT, Relay
from shared.config import Settings
from shared.eventlog import EventLog
from shared.mongo import Client
from shared.replica import AccessFollower
from shared.slots import SlotLeases
from tests.leaderboard_parts import Leaderboard
from tests.notifier_parts import Notifier
from tests.recognition_parts import RecognitionParts

SERVICES = ("recognition", "leaderboard", "notifier")
OTHERS = SERVICES[1:]


class Services:
    """The three APIs of one namespace; nothing spreads between them unless it is told to."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings, self.client = settings, client
        self.recognition = RecognitionParts(settings, client)
        self.leaderboard = Leaderboard(settings, client)
        self.notifier = Notifier(settings, client)
        self.log: EventLog = self.notifier.log
        database = self.recognition.db
        self._leases = SlotLeases(database["leases"], "relay", 8)
        self._relay = Relay(database, self.log, self._leases)
        self._keys = Relay(database, self.log, self._leases, PROMPT)
        self.uses = KeyUseFollower(settings, client, self.log)

    def follower(self, service: str, **options: Any) -> AccessFollower:
        """What keeps the keys of a service; a new one tells of uses at its first step."""
        return AccessFollower(self.settings, self.client, service, self.log, **options)

    def spread(self) -> None:
        """Publish everything, and let every service take it over."""
        self._relay.step()
        for service in OTHERS:
            follower = self.follower(service)
            while follower.step():
                pass
            follower.close()
        self.leaderboard.fold()
        self.notifier.publish()
        while self.uses.step():
            pass

    def close(self) -> None:
        self.notifier.close()

    def ask(
        self, service: str, method: str, path: str, token: str, for_: str | None = None, **more: Any
    ) -> Any:
        """The response of a service to the holder of `token` (on behalf of `for_`)."""
        part: Any = getattr(self, service)
        web = part.web if service == "leaderboard" else part.app.test_client()
        headers = {"Authorization": f"Bearer {token}"}
        if for_ is not None:
            headers["Kudos-On-Behalf-Of"] = for_
        return web.open(f"/{service}/v1{path}", method=method, headers=headers, **more)
