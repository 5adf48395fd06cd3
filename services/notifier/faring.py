"""How endpoints fare, written down with the attempts that tell it; and telling their owners."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.domain.event_types import WEBHOOK_DISABLED, WEBHOOK_FAILING, matches
from services.notifier.domain.health import DISABLED, FAILING, Health, Try, Verdict, judge
from services.notifier.domain.identity import delivery_id, message_id, webhook_event_id
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import new_delivery
from services.notifier.repository.events import new_event
from services.notifier.repository.messages import new_message
from shared import times
from shared.mongo import Document
from shared.telemetry import log

Tried = tuple[Document, Document]
"""An endpoint as it stood when it was tried, and the attempt."""

_TYPES = {FAILING: WEBHOOK_FAILING, DISABLED: WEBHOOK_DISABLED}
_told = Counter("kudos_webhooks_told", "Owners told that a webhook endpoint fails", ["what"])


def note_health(
    repository: Repository, tried: Sequence[Tried], now: datetime, session: ClientSession
) -> None:
    """Write down what attempts say of their endpoints, in the transaction that keeps them: since
    when nothing arrives, or that they are disabled; whoever owns them is told."""
    by_endpoint: defaultdict[str, list[Document]] = defaultdict(list)
    telling = {
        endpoint["_id"]
        for endpoint, attempt in tried
        if endpoint.get("failing") or not _arrived(attempt)
    }
    for endpoint, attempt in tried:
        if endpoint["_id"] in telling:
            by_endpoint[endpoint["_id"]].append(attempt)
    if not telling:
        return
    for endpoint_id, present in repository.endpoints.get_many(telling, session).items():
        # What another URL answered says nothing of this one.
        attempts = [a for a in by_endpoint[endpoint_id] if a["sent"]["url"] == present["url"]]
        _judge(repository, present, attempts, now, session)


def _judge(
    repository: Repository,
    endpoint: Document,
    attempts: list[Document],
    now: datetime,
    session: ClientSession,
) -> None:
    if not endpoint["enabled"]:
        return
    before = Health(**(endpoint.get("failing") or {}))
    tries = [_try(attempt) for attempt in sorted(attempts, key=lambda each: each["at"])]
    verdict = judge(before, tries)
    if verdict.what == DISABLED:
        changes = {"enabled": False, "disabled_reason": verdict.reason, "failing": None}
        if repository.endpoints.change(endpoint["_id"], endpoint["revision"], changes, session):
            _tell(repository, {**endpoint, **changes}, verdict, tries[-1], now, session)
        return
    if verdict.health != before:
        kept = {"failing": _stored(verdict.health)}
        repository.endpoints.note(endpoint["_id"], endpoint["revision"], kept, session)
    if verdict.what == FAILING:
        _tell(repository, endpoint, verdict, tries[-1], now, session)


def _tell(
    repository: Repository,
    endpoint: Document,
    verdict: Verdict,
    last: Try,
    now: datetime,
    session: ClientSession,
) -> None:
    """Tell the owner: in the feed, at their other endpoints, and by a message to a person."""
    assert verdict.what is not None
    event_type, at = _TYPES[verdict.what], times.to_rfc3339(now)
    event_id = webhook_event_id(endpoint["_id"], verdict.what, at)
    owner = endpoint["owner"]
    since = verdict.health.failing_since
    about = {
        "endpoint": {name: endpoint[name] for name in ("url", "description", "enabled")}
        | {"id": endpoint["_id"], "disabled_reason": endpoint["disabled_reason"]},
        "failing_since": times.to_rfc3339(since) if since else None,
        "last": last.in_words,
    }
    change = {"by": None, "at": at}
    data = {**about, "change": change}
    event = new_event(
        event_id,
        event_type=event_type,
        occurred_at=at,
        recorded_at=now,
        change=change,
        owner=owner["id"],
        data=data,
    )
    deliveries = [
        new_delivery(
            delivery_id(event_id, other["_id"]),
            endpoint_id=other["_id"],
            event_id=event_id,
            event_type=event_type,
            occurred_at=at,
            recognition_id=None,
            change=change,
            due_at=now,
            now=now,
            data=data,
        )
        for other in repository.endpoints.of_owner(owner["id"], session)
        if other["_id"] != endpoint["_id"]
        and other["enabled"]
        and matches(other["event_types"], event_type)
    ]
    repository.events.append([event], session)
    if deliveries:
        repository.deliveries.insert(deliveries, session)
    if owner["person"] is not None:
        message = new_message(
            message_id(event_id, owner["person"], "mail"),
            person=owner["person"],
            channel="mail",
            kind="webhooks",
            about={"state": verdict.what, **about},
            due_at=now,
            now=now,
        )
        repository.messages.insert([message], session)
    _told.labels(verdict.what).inc()
    log.warning(f"webhook {verdict.what}", endpoint=endpoint["_id"], last=last.in_words)


def _try(attempt: Document) -> Try:
    return Try(attempt["at"], _arrived(attempt), attempt["status"], attempt["error"])


def _arrived(attempt: Document) -> bool:
    return attempt["error"] is None and 200 <= (attempt["status"] or 0) < 300


def _stored(health: Health) -> dict[str, Any] | None:
    if health.failing_since is None:
        return None
    return {"failing_since": health.failing_since, "warned_at": health.warned_at}
