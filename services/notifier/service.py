"""The features of the notifier's API, put together over one database client."""

from services.notifier.auditing import Auditing
from services.notifier.feed import Feed
from services.notifier.inboxes import Inboxes
from services.notifier.redelivering import Redelivering
from services.notifier.repository import Repository
from services.notifier.sealing import Seals
from services.notifier.sending import Resolver, resolve
from services.notifier.webhooks import Webhooks
from shared.config import Settings
from shared.mongo import Client
from shared.nudges import Nudges
from shared.web.idempotency import Idempotency


class Service:
    """What the views call."""

    def __init__(self, settings: Settings, client: Client, resolver: Resolver = resolve) -> None:
        self.client = client
        self.repository = Repository(client[settings.database("notifier")])
        self.idempotency = Idempotency(self.repository.db["idempotency"])
        self.inboxes = Inboxes(self.repository)
        self.webhooks = Webhooks(
            self.repository,
            Seals(settings.secret_keys),
            settings.webhook_allow,
            resolver,
            settings.admins,
        )
        self.redelivering = Redelivering(self.repository, self.webhooks, settings.admins)
        self.feed = Feed(self.repository)
        self.auditing = Auditing(self.repository)
        self.nudges = Nudges(settings.nudges)

    def ensure_indexes(self) -> None:
        """Create every index that the service needs; safe to repeat."""
        self.repository.ensure_indexes()
        self.idempotency.ensure_indexes()
