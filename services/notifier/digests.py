"""Digests: composed when they are due, once for each period; read again when they are sent.

A digest is a message whose `about` holds ids by section; the message loop sends it. The entry of
the clock moves on in the transaction that writes the messages, and their ids follow from person,
kind, period and channel, so that neither a restart nor two loops make two (DESIGN section 6.5).
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Event

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.channels import channel_names
from services.notifier.digest_readers import DigestReader, digest_readers
from services.notifier.domain import digests as rules
from services.notifier.domain.digests import Occasion
from services.notifier.domain.identity import message_id
from services.notifier.repository import Repository
from services.notifier.repository.messages import new_message
from shared import times
from shared.config import Settings
from shared.lease import Lease
from shared.mongo import Document
from shared.times import to_rfc3339
from shared.worker import SideLoop

_IDLE_SECONDS = (1.0, 16.0)
_LEASE_SECONDS = 60.0
_ENROL_EVERY = timedelta(minutes=15)
"""So long after it was chosen a digest may be unknown to the clock."""
_ENROLLED_AT_ONCE = 200
_AT_ONCE = 20
_WINDOW = timedelta(minutes=1)
_SPREAD_SECONDS = 300
"""Digests of one hour are made one after the other, over so long."""
_ROWS = 500
_LISTED = 20

_digests = Counter("kudos_digests", "Digests composed", ["kind"])


class Digests:
    """Composes what is due over `channels` (names) while it holds the lease."""

    def __init__(
        self,
        repository: Repository,
        channels: Collection[str],
        organisation_zone: str,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._repository = repository
        self._channels = sorted(channels)
        self._zone = organisation_zone
        self._now = now
        self._lease = Lease(repository.db["leases"], "digests", _LEASE_SECONDS, now=now)
        self._front: datetime | None = None
        self._enrolled_at: datetime | None = None
        self._to_enrol: list[str] = []

    def step(self) -> int:
        """Enrol who is new, compose what is due; how many people were looked at."""
        if not self._channels or not self._lease.hold():
            self._front = self._enrolled_at = None
            return 0
        now = self._now()
        return self._enrol(now) + self._compose_due(now)

    def close(self) -> None:
        """Let another take over at once."""
        self._lease.release()

    def _enrol(self, now: datetime) -> int:
        """Give everybody who chose digests, or whom people report to, an entry of the clock; those
        whose hour or time zone changed get another time."""
        if not self._to_enrol:
            if self._enrolled_at is not None and now - self._enrolled_at < _ENROL_EVERY:
                return 0
            readers = self._repository.digest_clock.who_chose()
            self._to_enrol = sorted(readers.union(self._repository.directory.managers()))
            self._enrolled_at = now
        some = self._to_enrol[:_ENROLLED_AT_ONCE]
        people = self._readers(some)
        self._repository.in_transaction(lambda session: self._set_clocks(people, now, session))
        self._to_enrol = self._to_enrol[_ENROLLED_AT_ONCE:]
        return len(some)

    def _set_clocks(
        self, people: list[DigestReader], now: datetime, session: ClientSession
    ) -> None:
        clock = self._repository.digest_clock
        entries = clock.get_many((each.reference for each in people), session)
        changed = []
        for person in people:
            due = person.next_due(person.kinds(self._channels), now)
            held = entries.get(person.reference)
            is_pending = held is not None and held["next"] <= now
            if due is not None and not is_pending and (held is None or held["next"] != due):
                changed.append(_entry(person.reference, due))
        clock.store(changed, session)

    def _compose_due(self, now: datetime) -> int:
        """Compose what is due in a minute of the clock; the first time, from the earliest entry
        on. All that was found has moved on by then, and nothing new is due before `now`."""
        clock = self._repository.digest_clock
        if self._front is None:
            self._front = clock.earliest(now) or now
        high = min(self._front + _WINDOW, now)
        due = clock.due(self._front, high, _AT_ONCE)
        readers = {each.reference: each for each in self._readers(each["_id"] for each in due)}
        for entry in due:
            self._compose(entry, readers.get(entry["_id"]), now)
        if len(due) < _AT_ONCE:
            self._front = high
        if not due and high < now:
            self._front = clock.earliest(now) or now
        return len(due) or int(high < now)

    def _readers(self, people: Iterable[str]) -> list[DigestReader]:
        return digest_readers(self._repository, people, self._zone)

    def _compose(self, entry: Document, person: DigestReader | None, now: datetime) -> None:
        kinds = person.kinds(self._channels) if person else []
        messages = []
        for kind in kinds:
            assert person is not None
            occasion = person.latest(kind, now)
            if occasion.at >= entry["next"]:
                messages += self._messages(person, occasion, now)
        due = person.next_due(kinds, now) if person else None

        def move_on(session: ClientSession) -> bool:
            held = self._repository.digest_clock.get_many([entry["_id"]], session)
            if held.get(entry["_id"]) != entry:
                return False
            if due is None:
                self._repository.digest_clock.remove(entry["_id"], session)
            else:
                self._repository.digest_clock.store([_entry(entry["_id"], due)], session)
            self._repository.messages.insert(messages, session)
            return True

        if self._repository.in_transaction(move_on):
            for message in messages:
                _digests.labels(message["kind"]).inc()

    def _messages(self, person: DigestReader, occasion: Occasion, now: datetime) -> list[Document]:
        about = self._about(person, occasion)
        if about is None:
            return []
        kind = occasion.kind
        return [
            new_message(
                message_id(kind, occasion.period, person.reference, channel),
                person=person.reference,
                channel=channel,
                kind=kind,
                about=about,
                due_at=now,
                now=now,
            )
            for channel in person.channels(kind, self._channels)
        ]

    def _about(self, person: DigestReader, occasion: Occasion) -> Document | None:
        """What a digest is about, by ids; None when nothing happened."""
        is_team = occasion.kind == "team_weekly"
        found = self._of_team(person, occasion) if is_team else self._of_oneself(person, occasion)
        if not found:
            return None
        return {
            "period": {
                "id": occasion.period,
                "from": to_rfc3339(occasion.start),
                "to": to_rfc3339(occasion.end),
            },
            "sections": {name: ids[:_LISTED] for name, ids in found.items()},
            "more": {name: len(ids) - _LISTED for name, ids in found.items() if len(ids) > _LISTED},
        }

    def _of_oneself(self, person: DigestReader, occasion: Occasion) -> dict[str, list[str]]:
        reader, rows = person.reader, self._repository.recognitions
        badges = [badge for badge in (reader.person, reader.team, reader.partner) if badge]
        given = [
            row
            for badge in badges
            for row in rows.involving(badge, occasion.start, occasion.end, _ROWS)
        ]
        waiting = [row for badge in badges for row in rows.open_for(badge, _ROWS)]
        return rules.own_contents(occasion, reader, given, waiting)

    def _of_team(self, person: DigestReader, occasion: Occasion) -> dict[str, list[str]]:
        reports = self._repository.directory.reports(person.reference)
        rows, since = self._repository.recognitions, rules.quiet_since(occasion)
        thanked = {each: rows.involving(each, since, occasion.end, _ROWS) for each in reports}
        waiting = {each: rows.open_for(each, _ROWS) for each in reports}
        return rules.team_contents(occasion, person.reader, thanked, waiting)


def digest_loop(settings: Settings, repository: Repository, stop: Event | None = None) -> SideLoop:
    """The loop that composes digests beside a worker's own."""
    digests = Digests(repository, channel_names(settings), settings.timezone)
    return SideLoop(
        "digests",
        digests.step,
        settings,
        stop=stop,
        idle_seconds=_IDLE_SECONDS,
        closing=[digests.close],
    )


def _entry(person: str, due: datetime) -> Document:
    return {"_id": person, "next": due, "next_at": due + _spread(person)}


def _spread(person: str) -> timedelta:
    """Always the same of one person."""
    digest = sha256(person.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4], "big") % _SPREAD_SECONDS)
