"""The projector: folds recognitions and the directory into the boards. One is active, others
stand by."""

from prometheus_client import Counter, Gauge

from services.leaderboard.filler import BOARD_TOPICS, Filler, refuse_unless_ours
from services.leaderboard.milestones.months import KeptMonths
from services.leaderboard.milestones.recording import Milestones, recorder_of
from services.leaderboard.milestones.relay import MilestoneRelay
from services.leaderboard.milestones.rules import load_rules
from services.leaderboard.parts import parts_of
from services.leaderboard.privacy import BoardsHolder
from services.leaderboard.repository import Generation, Generations, ensure_indexes
from services.leaderboard.repository.period_scores import PeriodScores
from services.leaderboard.repository.team_sizes import TeamSizes
from shared import mongo, times
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.events import TOPICS
from shared.lease import Lease
from shared.mongo import Client
from shared.nudges import LOG
from shared.privacy import PrivacyFollower
from shared.replica import AccessFollower
from shared.worker import run

FOLDED = Counter("kudos_projector_folded_records", "Records folded into the boards")
LAG = Gauge(
    "kudos_projector_lag_seconds",
    "How long ago the boards last held every event",
    multiprocess_mode="mostrecent",
)


class Projector:
    """One projector; `step` folds the next batch into the live generation."""

    def __init__(self, settings: Settings, client: Client, log: EventLog) -> None:
        self._settings = settings
        self._client = client
        self._log = log
        self._db = client[settings.database("leaderboard")]
        self._generations = Generations(self._db)
        self._sizes = TeamSizes(self._db)
        self._lease = Lease(self._db["leases"], "projector")
        self._rules = load_rules(settings)
        self._recorder = recorder_of(settings, self._db)
        self._relay = MilestoneRelay(self._db, log)
        self._months: KeptMonths | None = None
        self._filler: Filler | None = None

    def step(self) -> int:
        """Fold a batch; how many records it had. Raises ConfigError when the live generation is
        of another time zone or format, LogTruncated when the log forgot what it still needs."""
        if not self._lease.hold():
            return 0
        generation = self._generations.live() or self._first_generation()
        if self._filler is None or self._filler.generation.id != generation.id:
            self._take_up(generation)
        assert self._filler is not None
        folded = self._filler.step()
        if self._filler.as_of is not None:
            LAG.set((times.now() - self._filler.as_of).total_seconds())
        FOLDED.inc(folded)
        return folded + self._tell_milestones(self._filler)

    def close(self) -> None:
        """Let another take over at once."""
        if self._filler is not None:
            self._filler.close()
        self._lease.release()

    def _take_up(self, generation: Generation) -> None:
        refuse_unless_ours(generation, self._settings)
        self._sizes.fill()
        self._generations.ensure_collections(generation.id)
        if self._filler is not None:
            self._filler.close()
        milestones = Milestones(self._rules, self._recorder, self._relay.wake)
        parts = parts_of(self._db, generation.id, milestones)
        self._filler = Filler(self._client, self._log, self._generations, generation, parts)
        self._months = KeptMonths(
            self._client,
            self._db,
            generation.zone,
            self._rules,
            PeriodScores(self._db, generation.id),
            self._recorder,
            self._relay.wake,
        )

    def _tell_milestones(self, filler: Filler) -> int:
        """Record months of kept promises, publish what was recorded; how many of both."""
        assert self._months is not None
        recorded = self._months.step(filler.as_of) if filler.is_current() else 0
        return recorded + self._relay.step()

    def _first_generation(self) -> Generation:
        # From offset 0, not from where the log starts by now: what it has forgotten is missing.
        offsets = dict.fromkeys(self._log.starts(BOARD_TOPICS), 0)
        created = self._generations.create("live", self._settings.timezone, offsets)
        live = created or self._generations.live()
        assert live is not None, "another projector made one"
        return live


def main(settings: Settings) -> None:
    """Run a projector until it is told to stop."""
    assert settings.mongo_uri is not None
    with mongo.connect(settings.mongo_uri, "kudos-projector") as client:
        mongo.require_transactions(client)
        db = client[settings.database("leaderboard")]
        ensure_indexes(db)
        with (
            open_log(settings, client) as log,
            AccessFollower(settings, client, "leaderboard", log) as access,
            PrivacyFollower(
                settings, client, "leaderboard", log, BoardsHolder(settings, client), access.stop
            ),
        ):
            log.ensure_topics(TOPICS)
            projector = Projector(settings, client, log)
            run(
                "projector",
                projector.step,
                settings,
                nudged_by=LOG,
                stop=access.stop,
                closing=[projector.close],
            )
