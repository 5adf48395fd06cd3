"""What the leaderboard holds of people, and forgetting it.

Boards follow by themselves: each recognition of theirs came again, with another id in it. What is
left are their milestones and their entry in the replica of the directory.
"""

from pymongo.client_session import ClientSession

from services.leaderboard.coverage import erase
from services.leaderboard.rebuild import rebuild_lease
from services.leaderboard.repository import Generation, Generations
from services.leaderboard.repository.directory import MOST_REVISIONS
from services.leaderboard.repository.documents import counter_id, list_of
from services.leaderboard.repository.generations import Collections, collections_of
from services.leaderboard.repository.milestones import MilestoneRepository
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.repository.team_sizes import TeamSizes
from shared import fences
from shared.config import Settings
from shared.eventlog import Offsets
from shared.mentions import mentions
from shared.mongo import Client, Document, in_transaction
from shared.privacy import Held, has_reached, is_beyond

_DIRECTORY = {"_id": "directory"}


class BoardsHolder:
    """See shared/privacy.py Holder."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._db = client[settings.database("leaderboard")]
        self._generations = Generations(self._db)
        self._sizes = TeamSizes(self._db)
        self._milestones = MilestoneRepository(self._db)
        self._lease = rebuild_lease(self._db)

    def has_folded(self, after: Offsets) -> bool:
        """See Holder. Generations that are not served are removed, unless a rebuild runs, which
        is waited for: they may hold what was before."""
        live = self._generations.live()
        if live is None or not has_reached(self._db, "access", after):
            return False
        return is_beyond(self._offsets_of(live), after) and self._is_alone(live)

    def _offsets_of(self, generation: Generation) -> Offsets:
        stored = self._generations.collection.find_one({"_id": generation.id}, {"offsets": 1})
        return dict(stored["offsets"]) if stored else {}

    def _is_alone(self, live: Generation) -> bool:
        if not self._lease.hold():
            return False
        try:
            for _ in self._generations.remove_others():
                if not self._lease.hold():
                    return False
        finally:
            self._lease.release()
        served = self._generations.live()  # its `as_of` goes on meanwhile
        return served is not None and served.id == live.id

    def forget(self, person: str, alias: str) -> None:
        """See Holder."""
        del alias  # it stands in the recognitions that were folded already

        def write(session: ClientSession) -> None:
            self._milestones.forget(person, session)
            entry = self._db["directory"].find_one({"_id": person}, session=session)
            if entry is None:
                return
            self._db["directory"].delete_one({"_id": person}, session=session)
            self._sizes.apply({person: entry}, {person: None}, session)
            if (live := self._generations.live()) is not None:
                erase(self._db, live.id, person, session)
            stored = self._db["revisions"].find_one(_DIRECTORY, session=session)
            after = fences.without(fences.fences_of(stored), person)
            self._db["revisions"].update_one(
                _DIRECTORY,
                {
                    "$set": {"fences": fences.plain(after)},
                    # So that no process that answers goes on remembering the name.
                    "$inc": {"revision": MOST_REVISIONS + 1},
                },
                session=session,
            )

        in_transaction(self._client, write)

    def held(self, person: str) -> Held:
        """See Holder."""
        entry = self._db["directory"].find_one({"_id": person})
        if entry is not None:
            yield "directory", entry
        for milestone in self._milestones.every(person):
            yield "milestones", milestone
        live = self._generations.live()
        if live is None:
            return
        held = collections_of(self._db, live.id)
        if receipts := held.coverage.find_one({"_id": person}):
            yield "receipts", receipts
        for stored in held.lists.find({}):
            yield from _scores(stored, held, person)
        for name, cells in SeriesStore(self._db, live.id).of(person):
            yield "series", {"series": name, "cells": cells}
        for stored in held.contributions.find({}):
            if mentions(stored["contribution"], person):
                yield "credits", {"recognition": stored["_id"], **stored["contribution"]}


def _scores(stored: Document, held: Collections, person: str) -> Held:
    name, cells = stored["_id"], list_of(stored).cells
    if cells is None:
        counter = held.counters.find_one({"_id": counter_id((name, person))})
        if counter is not None:
            yield "scores", {"list": name, "score": counter["score"]}
        return
    for cell, entries in cells.items():
        for entry, number in entries.items():
            if person in entry.split("|"):
                yield "scores", {"list": name, "part": cell, "entry": entry, "score": number}
