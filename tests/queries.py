"""What is asked of a database, and whether an index answers it.

`explain` is not asked: SecantusDB calls queries scans that it answers by an index. What it was
measured to do is held to instead, and is good on MongoDB, too: equalities go by an index that one
of them leads, a range only by an index that holds every field of the query.
"""

import sys
from pathlib import Path
from typing import Any

from pymongo.collection import Collection
from pymongo.monitoring import CommandListener, CommandStartedEvent

from shared.mongo import Client

Query = dict[str, Any]
_ROOT = f"{Path(__file__).parent.parent}/"


class Queries(CommandListener):
    """The (collection, filter) of everything that was asked of one database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.seen: dict[str, tuple[str, Query]] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if not event.database_name.endswith(self._database):
            return
        command, name = event.command, event.command_name
        if name == "find":
            self._add(event.database_name, command["find"], command.get("filter", {}))
        elif name == "update":
            for update in command["updates"]:
                self._add(event.database_name, command["update"], update["q"])
        elif name == "delete":
            for delete in command["deletes"]:
                self._add(event.database_name, command["delete"], delete["q"])
        elif name == "aggregate":
            matched = command["pipeline"][0]["$match"]
            self._add(event.database_name, command["aggregate"], matched)

    def succeeded(self, event: Any) -> None:
        """Nothing to learn."""

    def failed(self, event: Any) -> None:
        """Nothing to learn."""

    def _add(self, _database: str, collection: str, query: Any) -> None:
        self.seen.setdefault(f"{collection} {shape(dict(query))}", (collection, dict(query)))


class Watch(Queries):
    """What one service asks, in whichever test and database, and not what tests ask themselves."""

    def __init__(self, service: str) -> None:
        super().__init__(f"_{service}")
        self._folder = f"services/{service}/"
        self.new: dict[str, tuple[str, str, Query]] = {}

    def _add(self, database: str, collection: str, query: Any) -> None:
        known = f"{collection} {shape(dict(query))}"
        if known not in self.seen and _asks_from(self._folder):
            self.seen[known] = collection, dict(query)
            self.new[known] = database, collection, dict(query)

    def scans(self, client: Client) -> list[str]:
        """What was asked for the first time since the last call, and goes by no index. What was
        asked of a database that is gone by now counts when it is asked of another."""
        new, self.new = self.new, {}
        there = set(client.list_database_names())
        for known, (database, _, _) in new.items():
            if database not in there:
                del self.seen[known]
        return [
            known
            for known, (database, collection, query) in new.items()
            if database in there
            and not goes_by_index(query, indexes_of(client[database][collection]))
        ]


def indexes_of(collection: Collection[dict[str, Any]]) -> list[list[str]]:
    """The fields of each index."""
    return [list(index["key"]) for index in collection.list_indexes()]


def _asks_from(folder: str) -> bool:
    """Whether it is a module in `folder` that asks, by itself or by way of what is shared."""
    frame = sys._getframe(1).f_back
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_ROOT) and "/.venv/" not in path and path != __file__:
            of_ours = path.removeprefix(_ROOT)
            if not of_ours.startswith("shared/"):
                return of_ours.startswith(folder)
        frame = frame.f_back
    return False


def shape(query: Any) -> Any:
    """A query without what it looks for."""
    if isinstance(query, dict):
        return {name: shape(value) for name, value in query.items()}
    if not isinstance(query, list):
        return "?"
    shapes = [shape(value) for value in query]
    return [one for index, one in enumerate(shapes) if one not in shapes[:index]]


def goes_by_index(query: dict[str, Any], indexes: list[list[str]]) -> bool:
    """Whether one of `indexes` (lists of fields) serves `query`."""
    if "$or" in query:
        return False
    named = query.get("_id")
    if named is not None and (not isinstance(named, dict) or "$in" in named):
        return True
    ranges = {name for name, value in query.items() if isinstance(value, dict)}
    if any("$in" in query[name] for name in ranges):
        return len(query) == 1 and any(index[0] in query for index in indexes)
    if not ranges:
        return any(index[0] in query for index in indexes)
    # SecantusDB has no index of its own of _id: it looks ids up one by one.
    long_enough = [index for index in indexes if len(index) >= len(query) and index != ["_id"]]
    return len(ranges) == 1 and any(
        set(index[: len(query)]) == set(query) and index[len(query) - 1] in ranges
        for index in long_enough
    )
