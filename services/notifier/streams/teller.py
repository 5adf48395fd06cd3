"""Tells listeners what is new: those who keep up all at once, the others at their own pace."""

import time
from collections.abc import Callable, Sequence

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gevent.pool import Group  # type: ignore[import-untyped]
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from services.notifier.domain.event_stream import UNREAD, event
from services.notifier.news import News, Part, Told
from services.notifier.streams.connection import Connection
from services.notifier.streams.listener import Listener
from services.notifier.streams.threads import Threads
from shared.telemetry import log

STUCK_SECONDS = 30.0
"""How long a client may read nothing of what it was sent."""

_COUNTED_AT_ONCE = 20
_PAUSE_SECONDS = 0.5
_GLANCE_SECONDS = 0.01

_items = Counter("kudos_stream_items", "Items told by live streams")


class Teller:
    """Writes to connections. `look_again` is asked to have a listener told once more; `leave` is
    told when a connection that lagged is with its listener again, or gone."""

    def __init__(
        self,
        news: News,
        threads: Threads,
        look_again: Callable[[Listener], None],
        leave: Callable[[str], None],
    ) -> None:
        self._news, self._threads = news, threads
        self._look_again, self._leave = look_again, leave
        self._following_up = Group()
        self._uncounted: dict[str, Listener] = {}
        self._to_count = Event()
        self._counting = gevent.spawn(self._count_on)

    def close(self) -> None:
        """Tell nobody any more; those who lag end."""
        self._counting.kill()
        self._following_up.kill()

    def tell(self, listeners: Sequence[Listener]) -> None:
        """Tell each what is at hand, what else there is for those who are behind, and soon how
        many items are unread where that changed. Raises PyMongoError, some being told."""
        self._count([each for each in listeners if each.at_hand and each.unread is None])
        pairs = [
            (each, part, each.marks) for each in listeners if (part := _part(each)) is not None
        ]
        if pairs:
            self._threads.run(self._news.compose, [part for _, part, _ in pairs])
        for listener, part, marks in pairs:
            _has_unread(listener, part.unread, marks)
            self._reach(listener, part.items[-1]["sequence"], part.told)
        behind = [each for each in listeners if each.is_behind]
        if behind:
            heads = self._threads.run(self._news.heads, [each.reference for each in behind])
            for listener in behind:
                listener.is_behind = False
                self._catch_up(listener, heads.get(listener.reference, 0))
        self._uncounted |= {each.reference: each for each in listeners if each.unread is None}
        if self._uncounted:
            self._to_count.set()

    def pursue(self, listener: Listener, connection: Connection, head: int, unread: int) -> None:
        """Tell a connection what it lacks (up to `head` at least), at the pace at which its client
        reads, and then put it to those who are told what is new. Raises PyMongoError."""
        while connection.is_open and listener.is_active:
            _let_read(connection)
            head = max(head, listener.position or 0)
            if connection.position >= head:
                break
            told, reached = self._threads.run(
                self._news.page, listener.reader, connection.position, head, unread
            )
            for sequence, data in told:
                _let_read(connection)
                connection.tell(sequence, data)
            _items.inc(len(told))
            connection.position = reached
        if not connection.is_open:
            return
        if not listener.is_active:
            connection.end("access_ended")
            return
        if listener.position is None:
            listener.position, listener.told_unread = connection.position, unread
        elif listener.told_unread != unread:
            listener.unread = listener.told_unread = None
        listener.connections.add(connection)
        self._look_again(listener)  # for what came while nobody was told of it

    def _count_on(self) -> None:
        """Count anew for those of whom items were marked, beside what is told: after a change
        stream broke they are all who listen."""
        while True:
            self._to_count.wait()
            some = [
                self._uncounted.popitem()[1]
                for _ in range(min(_COUNTED_AT_ONCE, len(self._uncounted)))
            ]
            if not self._uncounted:
                self._to_count.clear()
            try:
                self._count(some)
            except PyMongoError as error:
                log.warning("counting failed; trying again", error=str(error)[:300])
                self._uncounted |= {each.reference: each for each in some}
                self._to_count.set()
                gevent.sleep(_PAUSE_SECONDS)

    def _count(self, listeners: Sequence[Listener]) -> None:
        positions = {each.reference: each.position or 0 for each in listeners}
        marks = {each.reference: each.marks for each in listeners}
        counted = self._threads.run(self._news.unread, positions) if positions else {}
        for each in listeners:
            if each.unread is not None or each.position != positions[each.reference]:
                continue  # told of more meanwhile, and counted then
            if each.marks != marks[each.reference]:
                continue  # marked meanwhile, and to be counted once more
            each.unread = counted[each.reference]
            if each.unread != each.told_unread:
                each.told_unread = each.unread
                for connection in list(each.connections):
                    connection.send(event(UNREAD, {"unread": each.unread}))

    def _catch_up(self, listener: Listener, head: int) -> None:
        assert listener.position is not None
        if listener.position >= head:
            return
        marks = listener.marks
        counted = self._threads.run(self._news.unread, {listener.reference: head})
        unread = counted[listener.reference]
        while listener.connections and listener.position < head:
            told, reached = self._threads.run(
                self._news.page, listener.reader, listener.position, head, unread
            )
            self._reach(listener, reached, told)
        _has_unread(listener, unread, marks)

    def _reach(self, listener: Listener, position: int, told: Sequence[Told]) -> None:
        listener.position = position
        written = 0
        for connection in list(listener.connections):
            for sequence, data in told:
                if sequence > connection.position:
                    if connection.waits:
                        self._lag(listener, connection)
                        break
                    connection.tell(sequence, data)
                    written += 1
            else:
                connection.position = max(connection.position, position)
        _items.inc(written)

    def _lag(self, listener: Listener, connection: Connection) -> None:
        """Its client reads more slowly than news comes: let it read them at its own pace."""
        listener.connections.discard(connection)
        listener.arriving += 1
        self._following_up.spawn(self._follow_up, listener, connection)

    def _follow_up(self, listener: Listener, connection: Connection) -> None:
        try:
            positions = {listener.reference: listener.position or 0}
            unread = self._threads.run(self._news.unread, positions)
            self.pursue(listener, connection, 0, unread[listener.reference])
        except gevent.GreenletExit:
            connection.end("stopped")
        except PyMongoError as error:
            log.warning("following up failed", error=str(error)[:300])
            connection.end("failed")
        finally:
            self._leave(listener.reference)


def _has_unread(listener: Listener, unread: int, marks: int) -> None:
    """So many are unread, and told to be, unless items were marked since there were `marks`, or
    who joined meanwhile was told another number: then they are counted anew."""
    is_so = listener.marks == marks and listener.told_unread is not None
    listener.unread = unread if is_so else None
    listener.told_unread = unread if is_so else None


def _part(listener: Listener) -> Part | None:
    """The items at hand that come next, when none is missing before or between them."""
    assert listener.position is not None
    items, listener.at_hand = listener.at_hand, []
    latest = {each["_id"]: each for each in items}.values()
    new = {each["sequence"]: each for each in latest if each["sequence"] > listener.position}
    if not new:
        return None
    first = listener.position + 1
    if listener.unread is None or set(new) != set(range(first, first + len(new))):
        listener.is_behind = True
        return None
    return Part(listener.reader, [new[number] for number in sorted(new)], listener.unread)


def _let_read(connection: Connection) -> None:
    """Wait until the client has read what it was sent; end one that does not."""
    began = time.monotonic()
    while connection.waits and connection.is_open:
        if time.monotonic() - began > STUCK_SECONDS:
            connection.end("slow")
        gevent.sleep(_GLANCE_SECONDS)
