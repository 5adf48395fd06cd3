"""The worker `dispatcher`: sends deliveries to webhook endpoints, and messages to people."""

from services.notifier.channels import open_channels
from services.notifier.dispatching import Dispatcher
from services.notifier.links import link_maker
from services.notifier.messaging import Messaging
from services.notifier.noticing import Noticing
from services.notifier.repository import Repository
from services.notifier.sending import Sender
from shared import worker
from shared.config import Settings
from shared.mongo import connect, require_transactions
from shared.nudges import DELIVERIES
from shared.vault import Vault
from shared.worker import SideLoop


def main(settings: Settings) -> None:
    """Run until told to stop. Several may run: one is active, the others stand by."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "kudos-dispatcher")
    require_transactions(client)
    repository = Repository(client[settings.database("notifier")])
    repository.ensure_indexes()
    dispatcher = Dispatcher(repository, Sender(settings.webhook_allow))
    chat_sender, vault = Sender(settings.webhook_allow), Vault(settings.secret_keys)
    noticing = Noticing(repository, vault, link_maker(settings, vault), settings.timezone)
    messaging = Messaging(repository, noticing, open_channels(settings, chat_sender))
    with SideLoop(
        "messaging",
        messaging.step,
        settings,
        idle_seconds=worker.IDLE_SECONDS,
        nudged_by=DELIVERIES,
        closing=[messaging.close, chat_sender.close],
    ) as beside:
        worker.run(
            "dispatcher",
            dispatcher.step,
            settings,
            stop=beside.stop,
            nudged_by=DELIVERIES,
            closing=[dispatcher.close],
        )
    client.close()
