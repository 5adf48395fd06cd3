"""The features of the notifier's API, put together over one database client."""

from services.notifier.auditing import Auditing
from services.notifier.feed import Feed
from services.notifier.inboxes import Inboxes
from services.notifier.news import News
from services.notifier.preferences import PreferenceBook
from services.notifier.redelivering import Redelivering
from services.notifier.repository import Repository
from services.notifier.sealing import Seals
from services.notifier.sending import Resolver, resolve
from services.notifier.unsubscribing import Unsubscribing
from services.notifier.webhooks import Webhooks
from shared.config import Settings
from shared.mongo import Client
from shared.nudges import Nudges
from shared.vault import Vault
from shared.web.idempotency import Idempotency


class Service:
    """What the views call."""

    def __init__(self, settings: Settings, client: Client, resolver: Resolver = resolve) -> None:
        self.client = client
        self.repository = Repository(client[settings.database("notifier")])
        self.idempotency = Idempotency(self.repository.db["idempotency"])
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
        self.unsubscribing = Unsubscribing(
            self.repository.directory, self.repository.preferences, Vault(settings.secret_keys)
        )
        self.inboxes = Inboxes(self.repository, settings.public_url)
        self.news = News(self.repository, settings.public_url)
        self.preferences = PreferenceBook(
            self.repository,
            Vault(settings.secret_keys),
            settings.webhook_allow,
            resolver,
            settings.timezone,
        )

    def ensure_indexes(self) -> None:
        """Create every index that the service needs; safe to repeat."""
        self.repository.ensure_indexes()
        self.idempotency.ensure_indexes()
