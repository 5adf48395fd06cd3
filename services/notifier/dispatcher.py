"""The worker `dispatcher`: sends deliveries to webhook endpoints, and messages to people; composes
digests."""

from contextlib import ExitStack

from services.notifier.channels import open_channels
from services.notifier.digest_reading import about_reader
from services.notifier.digests import digest_loop
from services.notifier.dispatching import Dispatcher
from services.notifier.links import link_maker
from services.notifier.messaging import Messaging
from services.notifier.noticing import Noticing
from services.notifier.repository import Repository
from services.notifier.sealing import Seals, require_keys
from services.notifier.sending import Sender
from shared import worker
from shared.config import Settings
from shared.mongo import connect, require_transactions
from shared.nudges import DELIVERIES
from shared.vault import Vault
from shared.worker import SideLoop


def main(settings: Settings) -> None:
    """Run until told to stop. Several may run: of each loop one is active, the others stand by.

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
    with ExitStack() as beside:
        messages = beside.enter_context(message_loop(settings, repository))
        beside.enter_context(digest_loop(settings, repository, messages.stop))
        worker.run(
            "dispatcher",
            dispatcher.step,
            settings,
            stop=messages.stop,
            nudged_by=DELIVERIES,
            closing=[dispatcher.close],
        )
    client.close()


def message_loop(settings: Settings, repository: Repository) -> SideLoop:
    """The loop that sends mail and chat beside the dispatcher of webhooks."""
    vault, sender = Vault(settings.secret_keys), Sender(settings.webhook_allow)

    links = link_maker(settings, vault)
    noticing = Noticing(repository, vault, links, settings.timezone, about_reader(repository))
    messaging = Messaging(repository, noticing, open_channels(settings, sender))
    return SideLoop(
        "messaging",
        messaging.step,
        settings,
        idle_seconds=worker.IDLE_SECONDS,
        nudged_by=DELIVERIES,
        closing=[messaging.close, sender.close],
    )
