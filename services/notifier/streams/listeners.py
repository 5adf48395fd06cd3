"""Every open stream of the process: who comes, who goes, what changes, what time does."""

import random
import time
from collections.abc import Callable, Collection

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from prometheus_client import Counter, Gauge
from pymongo.errors import PyMongoError

from services.notifier.domain.event_stream import (
    END,
    HEARTBEAT,
    RETRY_MILLISECONDS,
    UNREAD,
    event,
    retry,
)
from services.notifier.news import News, Standing
from services.notifier.streams.connection import Connection
from services.notifier.streams.listener import Listener
from services.notifier.streams.teller import STUCK_SECONDS, Teller
from services.notifier.streams.threads import Threads
from services.notifier.streams.watching import KEY, MARKED, PERSON, Change
from shared.auth.api_keys import may_read
from shared.telemetry import log
from shared.web.problems import Forbidden, LimitReached

HEARTBEAT_SECONDS = 15.0
MOST_OF_PERSON = 20

_MOST_AT_HAND = 200
_TOGETHER_SECONDS = 0.01
_PAUSE_SECONDS = 0.5
_LIMIT_SECONDS = 5

_open = Gauge("kudos_streams_open", "Live streams that are open", multiprocess_mode="livesum")
_ends = Counter("kudos_stream_ends", "Live streams that ended", ["reason"])
_failures = Counter("kudos_stream_failures", "Rounds of telling that failed and are tried again")


class Listeners:
    """All methods are for the hub's thread."""

    def __init__(
        self,
        news: News,
        threads: Threads,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        most_of_person: int = MOST_OF_PERSON,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.count = 0
        """How many streams are open."""
        self._news, self._threads = news, threads
        self._teller = Teller(news, threads, self._look_again, self.leave)
        self._heartbeat = heartbeat_seconds
        self._most_of_person = most_of_person
        self._now = now
        self._listeners: dict[str, Listener] = {}
        self._restless: dict[str, Listener] = {}
        self._joined: set[Connection] = set()
        self._changed: set[str] = set()
        self._keys: set[str] = set()  # to be looked up: whether they may read still
        self._work = Event()
        self._tasks = [gevent.spawn(self._tell_on), gevent.spawn(self._sweep_on)]

    def close(self) -> None:
        """End every stream; clients come back, elsewhere, spread over some seconds."""
        for task in self._tasks:
            task.kill()
        self._teller.close()
        for connection in list(self._joined):
            connection.send(retry(random.randint(200, RETRY_MILLISECONDS)))  # noqa: S311
            connection.end("stopped")

    # --- coming and going ------------------------------------------------------------------------

    def arrive(self, reference: str) -> None:
        """Keep a place for a stream of a person. Raises LimitReached when they have too many."""
        listener = self._listeners.setdefault(reference, Listener(reference))
        if len(listener.connections) + listener.arriving >= self._most_of_person:
            raise LimitReached(
                f"You have {self._most_of_person} live streams already: close one",
                retry_after=_LIMIT_SECONDS,
            )
        listener.arriving += 1

    def leave(self, reference: str) -> None:
        """Give up the place: the stream is with its listener now, or gone."""
        listener = self._listeners[reference]
        listener.arriving -= 1
        self._forget_if_gone(listener)

    def standing(self, reference: str) -> Standing:
        """Where a person stands for whom a place is kept. Raises Forbidden for who is not active,
        and PyMongoError."""
        listener = self._listeners[reference]
        before = listener.changes
        standing = self._threads.run(self._news.standing, reference)
        if listener.changes != before:  # what was read may be of before the change
            self._changed.add(reference)
            self._disturb(listener)
        else:
            listener.is_active = standing.is_active
        if not standing.is_active:
            raise Forbidden(f"{reference} is not active")
        return standing

    def join(
        self, connection: Connection, opening: bytes, standing: Standing, after: int | None
    ) -> None:
        """After `opening`, tell what comes after `after` (None, or a number that the person has not
        reached: from now on) and go on from there. Its place must have been kept. Raises
        PyMongoError."""
        self.count += 1
        _open.inc()
        position = standing.head if after is None or after > standing.head else after
        connection.position = position
        unread = event(UNREAD, {"unread": standing.unread}, position)
        connection.send(opening + retry(RETRY_MILLISECONDS) + unread)
        self._joined.add(connection)
        self._doubt_key(connection)  # which was read before its changes were heeded
        listener = self._listeners[connection.admission.person]
        listener.reader = standing.reader
        self._teller.pursue(listener, connection, standing.head, standing.unread)

    def left(self, connection: Connection, reason: str) -> None:
        """A connection that had joined ended."""
        self.count -= 1
        self._joined.discard(connection)
        _open.dec()
        _ends.labels(reason).inc()
        log.info(
            "stream ended",
            caller=connection.admission.caller,
            reason=reason,
            seconds=round(time.monotonic() - connection.opened, 1),
            items=connection.items,
        )
        listener = self._listeners.get(connection.admission.person)
        if listener is not None:
            listener.connections.discard(connection)
            self._forget_if_gone(listener)

    def _forget_if_gone(self, listener: Listener) -> None:
        if not listener.connections and not listener.arriving:
            self._listeners.pop(listener.reference, None)

    # --- what changes ----------------------------------------------------------------------------

    def note(self, change: Change) -> None:
        """Something changed."""
        if change.kind == KEY:
            if not may_read(change.document):
                self._end_those_of({change.of})
            return
        if change.kind == PERSON:
            self._news.forget_names()
        elif change.kind == MARKED and change.document is not None:
            self._news.forget(change.document["event_id"])
        listener = self._listeners.get(change.of)
        if listener is None:
            return
        if change.kind == MARKED:
            listener.count_anew()
        if change.kind == PERSON or change.document is None:
            listener.changes += 1
            self._changed.add(change.of)
        elif change.document["sequence"] <= (listener.position or 0):
            pass  # told already; an item into which something is folded comes under a new number
        elif len(listener.at_hand) < _MOST_AT_HAND:
            listener.at_hand.append(change.document)
        else:
            listener.is_behind = True
        self._disturb(listener)

    def doubt(self) -> None:
        """Anything may have changed."""
        self._news.forget_names()
        for listener in self._listeners.values():
            listener.count_anew()
            self._changed.add(listener.reference)
            self._look_again(listener)
        for connection in self._joined:
            self._doubt_key(connection)

    def _doubt_key(self, connection: Connection) -> None:
        if connection.admission.key is not None:
            self._keys.add(connection.admission.key)
            self._work.set()

    def _end_those_of(self, keys: Collection[str]) -> None:
        for connection in list(self._joined):
            if connection.admission.key in keys:
                _end(connection, "access_ended")

    def _look_again(self, listener: Listener) -> None:
        listener.is_behind = True
        self._disturb(listener)

    def _disturb(self, listener: Listener) -> None:
        self._restless[listener.reference] = listener
        self._work.set()

    def _tell_on(self) -> None:
        told = 0.0
        while True:
            self._work.wait()
            # The first is told at once, and what comes close behind it together.
            gevent.sleep(max(0.0, told + _TOGETHER_SECONDS - time.monotonic()))
            self._work.clear()
            restless, self._restless = self._restless, {}
            changed, self._changed = self._changed, set()
            keys, self._keys = self._keys, set()
            try:
                if keys:
                    self._end_those_of(self._threads.run(self._news.ended_keys, keys))
                for reference in changed:
                    if (listener := self._listeners.get(reference)) is not None:
                        self._renew(listener)
                self._teller.tell(
                    [
                        listener
                        for reference, listener in restless.items()
                        if self._listeners.get(reference) is listener
                        and listener.position is not None
                    ]
                )
            except Exception as error:  # whatever it is: the others are to be told
                _failures.inc()
                log.warning(
                    "telling failed; trying again",
                    error=str(error)[:300],
                    exc_info=not isinstance(error, PyMongoError),
                )
                self._changed |= changed
                self._keys |= keys
                self._work.set()
                for listener in restless.values():
                    self._look_again(listener)
                gevent.sleep(_PAUSE_SECONDS)
            told = time.monotonic()

    def _renew(self, listener: Listener) -> None:
        """Take over what the directory says of them now."""
        standing = self._threads.run(self._news.standing, listener.reference)
        listener.reader, listener.is_active = standing.reader, standing.is_active
        if not standing.is_active:
            for connection in list(listener.connections):
                _end(connection, "access_ended")

    # --- time passing ----------------------------------------------------------------------------

    def _sweep_on(self) -> None:
        compared, ahead = time.monotonic(), dict[str, int]()
        while True:
            gevent.sleep(min(1.0, self._heartbeat / 3))
            now = time.monotonic()
            for connection in list(self._joined):
                self._sweep(connection, now)
            for reference, head in ahead.items():  # what was on its way then has come by now
                listener = self._listeners.get(reference)
                if listener is not None and (listener.position or 0) < head:
                    self._look_again(listener)
            ahead = {}
            if now - compared >= self._heartbeat:
                compared, ahead = now, self._who_is_behind()

    def _who_is_behind(self) -> dict[str, int]:
        """Those of whom there is more than they were told, with the number of the newest item."""
        try:
            heads = self._threads.run(self._news.heads, list(self._listeners))
        except PyMongoError as error:
            log.warning("comparing failed; trying again", error=str(error)[:300])
            return {}
        return {
            reference: heads[reference]
            for reference, listener in self._listeners.items()
            if listener.position is not None and heads.get(reference, 0) > listener.position
        }

    def _sweep(self, connection: Connection, now: float) -> None:
        admission = connection.admission
        if admission.ends_at <= self._now():
            if admission.has_end:
                _end(connection, "token_expired")
            else:
                connection.end("renewed")
        elif connection.stuck_since is not None and now - connection.stuck_since > STUCK_SECONDS:
            connection.end("slow")
        elif not connection.waits and now - connection.sent_at >= self._heartbeat:
            connection.send(HEARTBEAT)


def _end(connection: Connection, reason: str) -> None:
    connection.send(event(END, {"reason": reason}))
    connection.end(reason)
