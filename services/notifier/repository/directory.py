"""The replica of the directory and of the API keys: who is in a team, who owns an endpoint."""

from collections.abc import Iterable

from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many
from shared.references import id_of, kind_of


class Directory:
    """The collections `directory` and `api_keys`, which shared/replica.py writes."""

    def __init__(self, db: Database[Document]) -> None:
        self._entries = db["directory"]
        self._keys = db["api_keys"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._entries, "team", name="team", sparse=True)
        ensure_index(self._entries, "partner", name="partner", sparse=True)
        ensure_index(self._entries, "manager", name="manager", sparse=True)
        ensure_index(self._entries, "email_key", name="email_key", sparse=True)

    def find(self, reference: str) -> Document | None:
        """The entry of a person, a team or a partner."""
        return self._entries.find_one({"_id": reference})

    def find_by_email(self, email: str) -> Document | None:
        """The person with that address, in any case."""
        return self._entries.find_one({"email_key": email.casefold()})

    def key(self, key_id: str) -> Document | None:
        """The state of an API key."""
        return self._keys.find_one({"_id": key_id})

    def entries(
        self, references: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """Those that are known, by reference."""
        found = find_many(self._entries, "_id", references, session=session)
        return {entry["_id"]: entry for entry in found}

    def keys(
        self, key_ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """Those that are known, by id."""
        return {key["_id"]: key for key in find_many(self._keys, "_id", key_ids, session=session)}

    def members(self, group: str, session: ClientSession | None = None) -> list[str]:
        """The active people of a team or a partner, as references, in order of id."""
        query = {kind_of(group): group, "type": "person", "active": True}
        found = self._entries.find(query, {"_id": 1}, session=session)
        return sorted(entry["_id"] for entry in found)

    def reports(self, manager: str) -> list[str]:
        """The active people who report to `manager`, without technical accounts, as references in
        order of id."""
        found = self._entries.find({"manager": manager, "active": True})
        return sorted(entry["_id"] for entry in found if not entry.get("technical"))

    def has_reports(self, manager: str) -> bool:
        """Whether somebody active reports to `manager`."""
        return self._entries.find_one({"manager": manager, "active": True}, {"_id": 1}) is not None

    def managers(self) -> list[str]:
        """Everybody to whom somebody reports, as references."""
        return [found for found in self._entries.distinct("manager") if found]

    def people(self, references: Iterable[str]) -> dict[str, Document]:
        """`people` of an answer: name, team and photo of each reference."""
        wanted = list(dict.fromkeys(references))
        known = self.entries(wanted)
        return {reference: _summary(reference, known.get(reference, {})) for reference in wanted}


def _summary(reference: str, entry: Document) -> Document:
    return {
        "name": entry.get("name", id_of(reference)),
        "team": entry.get("team"),
        "photo_url": entry.get("photo_url"),
    }
