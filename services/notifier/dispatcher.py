"""The worker `dispatcher`: sends deliveries to webhook endpoints; composes digests beside it."""

from services.notifier.dispatching import Dispatcher
from services.notifier.repository import Repository
from services.notifier.sealing import Seals, require_keys
from services.notifier.sending import Sender
from shared import worker
from shared.config import Settings
from shared.mongo import connect, require_transactions
from shared.nudges import DELIVERIES


def main(settings: Settings) -> None:
    """Run until told to stop. Several may run: one is active, the others stand by.

    Raises ConfigError where there are no keys to open secrets with.
    """
    require_keys(settings.secret_keys)
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "kudos-dispatcher")
    require_transactions(client)
    repository = Repository(client[settings.database("notifier")])
    repository.ensure_indexes()
    dispatcher = Dispatcher(
        repository,
        Sender(settings.webhook_allow),
        Seals(settings.secret_keys),
        admins=settings.admins,
    )
    worker.run(
        "dispatcher",
        dispatcher.step,
        settings,
        nudged_by=DELIVERIES,
        closing=[dispatcher.close, client.close],
    )
