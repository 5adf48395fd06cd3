"""Sealing again, under the present key, whatever is sealed under another or not at all."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pymongo.client_session import ClientSession

from services.notifier.repository import Repository
from services.notifier.sealing import Seals, Unsealable
from shared.mongo import Document

_PAGE = 100


@dataclass
class Resealed:
    """What came of it: how many endpoints and chat URLs there are, how many of both were sealed
    again, and those that cannot be opened, with the reason; `keys`: how many entries each key (by
    its id) seals now."""

    endpoints: int = 0
    chats: int = 0
    changed: int = 0
    unopened: dict[str, str] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)


def reseal(repository: Repository, seals: Seals, progress: Callable[[int], None]) -> Resealed:
    """Seal the secrets of every endpoint, and every chat URL, under the present key, each by
    itself, so that it may be stopped and run again at any time. `progress` is told how many more
    were looked at. Raises Unavailable without keys."""
    seals.require()
    done, after = Resealed(), ""
    while page := repository.endpoints.page(after, _PAGE):
        after = page[-1]["_id"]
        for found in page:
            _reseal(repository, seals, found["_id"], done)
        progress(len(page))
    after = ""
    while page := repository.preferences.page(after, _PAGE):
        after = page[-1]["_id"]
        for found in page:
            if found.get("chat_url"):
                _reseal_chat(repository, seals, found, done)
        progress(len(page))
    return done


def _reseal_chat(repository: Repository, seals: Seals, found: Document, done: Resealed) -> None:
    """What a person sets meanwhile is sealed under the present key already."""
    done.chats += 1
    try:
        again = seals.resealed_chat(found)
    except Unsealable as error:
        done.unopened[f"the chat URL of {found['_id']}"] = str(error)
        return
    if again and repository.preferences.set_chat(found["_id"], found["chat_url"], again):
        done.changed += 1
    done.keys[(again or found["chat_url"])["key"]] += 1


def _reseal(repository: Repository, seals: Seals, endpoint_id: str, done: Resealed) -> None:
    def work(session: ClientSession) -> tuple[Document | None, bool]:
        endpoint = repository.endpoints.get_many([endpoint_id], session).get(endpoint_id)
        changes = seals.resealed(endpoint) if endpoint else {}
        if endpoint and changes:
            repository.endpoints.note(endpoint_id, endpoint["revision"], changes, session)
        return endpoint and {**endpoint, **changes}, bool(changes)

    try:
        endpoint, is_changed = repository.in_transaction(work)
    except Unsealable as error:
        done.endpoints += 1
        done.unopened[endpoint_id] = str(error)
        return
    if endpoint is not None:
        done.endpoints += 1
        done.changed += is_changed
        entries = [*endpoint["secrets"], endpoint.get("sealed_headers")]
        done.keys.update(entry["key"] for entry in entries if entry)
