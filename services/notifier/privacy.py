"""What the notifier holds of people, and forgetting it: inboxes, preferences, messages, endpoints,
deliveries, attempts, events.

They are read whole: that happens once for each erasure, and no index is worth it.
"""

from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from shared.config import Settings
from shared.eventlog import Offsets
from shared.mentions import forget_answers, is_in_json, mentions, renamed
from shared.mongo import Client, Document, in_transaction
from shared.privacy import Held, has_reached

BLANK = "[erased]"
_GROUPS = ("notifier", "access")
_SEALED = ("secrets", "sealed_headers")


class NotifierHolder:
    """See shared/privacy.py Holder."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._db = client[settings.database("notifier")]

    def has_folded(self, after: Offsets) -> bool:
        """See Holder."""
        return all(has_reached(self._db, group, after) for group in _GROUPS)

    def forget(self, person: str, alias: str) -> None:
        """See Holder."""
        self._remove_endpoints(person)
        self._change("deliveries", partial(_erase_delivery, person=person, alias=alias))
        self._change("attempts", partial(_erase_attempt, person=person))
        self._change("events", partial(_erase_delivery, person=person, alias=alias))
        self._change("audit", partial(_erase_entry, person=person, alias=alias))
        self._db["inbox"].delete_many({"person": person})
        self._db["inbox_heads"].delete_one({"_id": person})
        self._db["stream_tickets"].delete_many({"person": person})
        self._change("inbox", partial(_erase_item, person=person, alias=alias))
        self._db["digest_clock"].delete_one({"_id": person})
        self._db["preferences"].delete_one({"_id": person})
        self._db["messages"].delete_many({"person": person})
        self._change("messages", partial(_erase_message, person=person, alias=alias))
        forget_answers(self._db["idempotency"], person)
        self._db["directory"].delete_one({"_id": person})

    def _remove_endpoints(self, person: str) -> None:
        for endpoint in list(self._db["webhooks"].find({})):
            if mentions(endpoint["owner"], person):
                self._db["webhooks"].delete_one({"_id": endpoint["_id"]})
                self._db["events"].delete_many({"owner": endpoint["owner"]["id"]})
                for name in ("deliveries", "attempts"):
                    self._db[name].delete_many({"endpoint": endpoint["_id"]})

    def _change(self, name: str, erase: Any) -> None:
        """Put `erase(document)` in the place of each document of which it makes something else."""
        for found in self._db[name].find({}):
            if erase(found) is not None:
                in_transaction(self._client, partial(self._replace, name, found["_id"], erase))

    def _replace(self, name: str, identifier: str, erase: Any, session: ClientSession) -> None:
        present = self._db[name].find_one({"_id": identifier}, session=session)
        after = erase(present) if present else None
        if after is not None:
            self._db[name].replace_one({"_id": identifier}, after, session=session)

    def held(self, person: str) -> Held:
        """See Holder."""
        entry = self._db["directory"].find_one({"_id": person})
        if entry is not None:
            yield "directory", entry
        yield from (("digest_clock", it) for it in self._db["digest_clock"].find({"_id": person}))
        yield from (("inbox", item) for item in self._db["inbox"].find({"person": person}))
        for ticket in self._db["stream_tickets"].find({"person": person}, {"_id": 0}):
            yield "stream_tickets", ticket
        for set_ in self._db["preferences"].find({"_id": person}):
            yield "preferences", {n: v for n, v in set_.items() if n != "chat_url"}
        yield from (("messages", each) for each in self._db["messages"].find({"person": person}))
        for endpoint in self._db["webhooks"].find({}):
            if mentions(endpoint["owner"], person):
                yield "webhooks", {n: v for n, v in endpoint.items() if n not in _SEALED}
        for row in self._db["recognitions"].find({}, {"state": 1}):
            if mentions(row["state"], person):
                yield "recognitions", {"id": row["_id"]}
        for delivery in self._db["deliveries"].find({}):
            if mentions(delivery["change"], person):
                yield "deliveries", delivery
        for event in self._db["events"].find({}):
            if mentions(event["change"], person) or mentions(event["owner"], person):
                yield "events", event
        for entry in self._db["audit"].find({}):
            if mentions(entry["by"], person):
                yield "audit", entry


def _erase_delivery(delivery: Document, person: str, alias: str) -> Document | None:
    change = delivery["change"]
    if not mentions(change, person):
        return None
    theirs = change["by"] == person
    kept = {"by": alias, "at": change["at"]} if theirs else renamed(change, person, alias)
    return {**delivery, "change": kept}


def _erase_entry(entry: Document, person: str, alias: str) -> Document | None:
    return renamed(entry, person, alias) if mentions(entry["by"], person) else None


def _erase_attempt(attempt: Document, person: str) -> Document | None:
    if not is_in_json(person, attempt["sent"]["body"].encode()):
        return None
    return {**attempt, "answer": BLANK, "sent": {**attempt["sent"], "body": BLANK}}


def _erase_item(item: Document, person: str, alias: str) -> Document | None:
    return renamed(item, person, alias) if mentions(item, person) else None


def _erase_message(message: Document, person: str, alias: str) -> Document | None:
    """What they did is told to nobody any more; what is left without acts is cancelled when it is
    to be sent."""
    if not mentions(message, person):
        return None
    acts = [act for act in message.get("acts", ()) if act.get("by") != person]
    left = {**message, "acts": acts}
    if "marks" in message:
        left["marks"] = [act["mark"] for act in acts]
    return renamed(left, person, alias)  # type: ignore[no-any-return]
