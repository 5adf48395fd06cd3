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
    """What came of it: how many endpoints there are, how many were sealed again, and those that
    cannot be opened, with the reason; `keys`: how many entries each key (by its id) seals now."""

    endpoints: int = 0
    changed: int = 0
    unopened: dict[str, str] = field(default_factory=dict)
    keys: Counter[str] = field(default_factory=Counter)


def reseal(repository: Repository, seals: Seals, progress: Callable[[int], None]) -> Resealed:
    """Seal the secrets of every endpoint under the present key, each in a transaction of its own,
    so that it may be stopped and run again at any time. `progress` is told how many more were
    looked at. Raises Unavailable without keys."""
    seals.require()
    done, after = Resealed(), ""
    while page := repository.endpoints.page(after, _PAGE):
        after = page[-1]["_id"]
        for found in page:
            _reseal(repository, seals, found["_id"], done)
        progress(len(page))
    return done


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
