"""The features of the notifier's API, put together over one database client."""

from services.notifier.inboxes import Inboxes
from services.notifier.preferences import PreferenceBook
from services.notifier.repository import Repository
from services.notifier.sending import Resolver, resolve
from services.notifier.webhooks import Webhooks
from shared.config import Settings
from shared.mongo import Client
from shared.vault import Vault
from shared.web.idempotency import Idempotency


class Service:
    """What the views call."""

    def __init__(self, settings: Settings, client: Client, resolver: Resolver = resolve) -> None:
        self.client = client
        self.repository = Repository(client[settings.database("notifier")])
        self.idempotency = Idempotency(self.repository.db["idempotency"])
        self.inboxes = Inboxes(self.repository)
        self.preferences = PreferenceBook(
            self.repository,
            Vault(settings.secret_keys),
            settings.webhook_allow,
            resolver,
            settings.timezone,
        )
        self.webhooks = Webhooks(self.repository, settings.webhook_allow, resolver)

    def ensure_indexes(self) -> None:
        """Create every index that the service needs; safe to repeat."""
        self.repository.ensure_indexes()
        self.idempotency.ensure_indexes()
