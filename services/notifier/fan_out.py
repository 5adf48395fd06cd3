"""The worker `fan-out`: folds events into inboxes and deliveries."""

from collections.abc import Collection

from services.notifier.channels import channel_names
from services.notifier.delivering import MOST_EVENTS
from services.notifier.fanning import Change, Fanning, prepare
from services.notifier.privacy import NotifierHolder
from services.notifier.repository import Repository
from shared import worker
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.eventlog.follower import Follower
from shared.events import ACCESS, DIRECTORY, PRIVACY, RECOGNITION
from shared.lease import Lease
from shared.mongo import Client, connect, require_transactions
from shared.nudges import DELIVERIES, LOG, Nudges
from shared.privacy import PrivacyFollower
from shared.replica import AccessFollower

GROUP = "notifier"
TOPICS = (RECOGNITION, DIRECTORY)


def follower(
    log: EventLog,
    client: Client,
    repository: Repository,
    admins: Collection[str] = (),
    *,
    channels: Collection[str] = (),
    organisation_zone: str = "UTC",
) -> Follower[Change]:
    """What folds the log, batch by batch; `admins`: the people of KUDOS_ADMINS; `channels` are
    those that messages are made for."""

    def bound(records: int) -> None:
        made.max_records = records

    fanning = Fanning(
        repository,
        admins=admins,
        on_bound=bound,
        channels=channels,
        organisation_zone=organisation_zone,
    )
    made: Follower[Change] = Follower(
        log,
        client,
        repository.db["offsets"],
        GROUP,
        TOPICS,
        prepare,
        fanning.apply,
        max_records=MOST_EVENTS,
        on_conflict=fanning.doubt,
    )
    return made


def main(settings: Settings) -> None:
    """Run until told to stop. Several may run: one is active, the others stand by."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "kudos-fan-out")
    require_transactions(client)
    repository = Repository(client[settings.database("notifier")])
    repository.ensure_indexes()
    log = open_log(settings, client)
    log.ensure_topics((*TOPICS, ACCESS, PRIVACY))
    access = AccessFollower(settings, client, "notifier", log)
    holder = NotifierHolder(settings, client)
    privacy = PrivacyFollower(settings, client, "notifier", log, holder, access.stop)
    lease = Lease(repository.db["leases"], "fan-out")
    fan_out = follower(
        log,
        client,
        repository,
        settings.admins,
        channels=channel_names(settings),
        organisation_zone=settings.timezone,
    )
    nudges = Nudges(settings.nudges)

    def step() -> int:
        folded = fan_out.step() if lease.hold() else 0
        if folded:
            nudges.send(DELIVERIES)
        return folded

    with access, privacy:
        worker.run(
            "fan-out",
            step,
            settings,
            nudged_by=LOG,
            stop=access.stop,
            closing=[fan_out.close, lease.release],
        )
    log.close()
    client.close()
