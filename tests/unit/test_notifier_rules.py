"""The notifier's rules: signatures, the schedule, types, who may be told, whose inbox."""

import base64
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifier.domain.event_types import DELIVERABLE, is_pattern, matches
from services.notifier.domain.identity import delivery_id, inbox_item_id
from services.notifier.domain.payload import content, references_in
from services.notifier.domain.readability import SHOWN_STATUSES, Reader, may_read
from services.notifier.domain.schedule import JITTER, RETRY_AFTER, next_due
from services.notifier.domain.signature import new_secret, sign
from services.notifier.fanning import prepare
from tests.notifier_parts import person, recognition

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def headers(webhook_id: str, timestamp: int, signature: str) -> dict[str, str]:
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


@given(
    text=st.text(),
    webhook_id=st.from_regex(r"evt_[0-9a-f]{1,32}_[0-9]{1,5}", fullmatch=True),
    key=st.binary(min_size=24, max_size=64),
    skew=st.integers(-200, 200),
)
def test_the_oracle_verifies_every_signature(
    text: str, webhook_id: str, key: bytes, skew: int
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body = orjson.dumps({"text": text})
    timestamp = int(datetime.now(UTC).timestamp()) + skew
    signature = sign([secret], webhook_id, timestamp, body)
    assert Webhook(secret).verify(body, headers(webhook_id, timestamp, signature)) == {"text": text}


def test_the_signature_of_the_specifications_example() -> None:
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_of_two_secrets_verifies_and_no_third() -> None:
    secrets = [new_secret(os.urandom) for _ in range(3)]
    timestamp = int(datetime.now(UTC).timestamp())
    signed = headers("evt_1_1", timestamp, sign(secrets[:2], "evt_1_1", timestamp, b"{}"))
    for secret in secrets[:2]:
        Webhook(secret).verify(b"{}", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[2]).verify(b"{}", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(b"{ }", signed)


def test_a_secret_has_256_bits() -> None:
    assert len(base64.b64decode(new_secret(os.urandom).removeprefix("whsec_"))) == 32


def test_the_schedule_is_the_one_that_is_promised() -> None:
    waits = []
    for attempts in range(1, 10):
        due = next_due(attempts, NOW, lambda: 0.0)
        assert due is not None
        waits.append((due - NOW).total_seconds())
    hour = 3600
    assert waits == [5, 300, 1800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    assert next_due(10, NOW, lambda: 0.0) is None


@given(attempts=st.integers(1, 9), chance=st.floats(0, 1, exclude_max=True))
def test_a_retry_is_never_sooner_and_at_most_a_jitter_later(attempts: int, chance: float) -> None:
    due = next_due(attempts, NOW, lambda: chance)
    assert due is not None
    assert (
        timedelta(0) <= due - NOW - RETRY_AFTER[attempts - 1] <= RETRY_AFTER[attempts - 1] * JITTER
    )


@pytest.mark.parametrize("pattern", ["kudos.*", "kudos.recognition.*", "kudos.recognition.thanked"])
def test_a_pattern_of_the_catalogue_is_one(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "", "*", ".*", "kudos", "kudos.", "kudos*", "kudos.recognition", "kudos.recognition.",
        "kudos.recognition.thanked.*", "kudos.recog*", "kudos.*.thanked", "kudos.key.changed",
        "kudos.key.*", "kudos.recognition.retracted", "KUDOS.*", "kudos.recognition.thank*",
    ],
)  # fmt: skip
def test_other_patterns_are_none(pattern: str) -> None:
    assert not is_pattern(pattern)


def test_a_wildcard_takes_what_begins_with_it() -> None:
    assert matches(["kudos.recognition.*"], "kudos.recognition.thanked")
    assert not matches(["kudos.recognition.*"], "kudos.recognitions.thanked")
    assert not matches(["kudos.recognition.thanked"], "kudos.recognition.asked")
    assert not matches([], "kudos.recognition.asked")


def test_what_nobody_may_see_is_no_deliverable_type() -> None:
    for name in ("retracted", "hidden", "erased"):
        assert f"kudos.recognition.{name}" not in DELIVERABLE


def readable(reader: Reader, **state: Any) -> bool:
    """ada of core thanks bob of ops, the team sales, and smith of the partner acme."""
    event = recognition(
        "person:ada",
        ["person:bob", "team:sales", "person:smith"],
        teams={"person:ada": "team:core", "person:bob": "team:ops"},
        partners={"person:smith": "partner:acme"},
        **state,
    )
    change = prepare(event)
    assert change is not None
    return may_read(reader, change.row["state"], change.row["attribution"])  # type: ignore[union-attr]


STRANGER = Reader("person:eve", "team:legal")
ADA, BOB = Reader("person:ada", "team:core"), Reader("person:bob", "team:ops")
COLLEAGUES = [Reader("person:c", "team:core"), Reader("person:o", "team:ops")]
MEMBER = Reader("person:m", "team:sales")
SMITH = Reader("person:smith", None, "partner:acme")
OF_ACME = Reader("person:jones", None, "partner:acme")
OF_BETA = Reader("person:young", None, "partner:beta")
KEY = Reader()


@pytest.mark.parametrize(
    ("visibility", "may", "may_not"),
    [
        ("public", [STRANGER, ADA, BOB, *COLLEAGUES, MEMBER, SMITH, OF_ACME, KEY], [OF_BETA]),
        ("team", [ADA, BOB, *COLLEAGUES, MEMBER, SMITH, OF_ACME], [STRANGER, OF_BETA, KEY]),
        ("private", [ADA, BOB, MEMBER, SMITH], [STRANGER, *COLLEAGUES, OF_ACME, OF_BETA, KEY]),
    ],
)
def test_who_may_be_told(visibility: str, may: list[Reader], may_not: list[Reader]) -> None:
    assert all(readable(reader, visibility=visibility) for reader in may)
    assert not any(readable(reader, visibility=visibility) for reader in may_not)


@pytest.mark.parametrize("status", ["held", "hidden", "retracted", "erased", "of the future"])
def test_what_is_not_shown_is_told_to_nobody_not_even_its_giver(status: str) -> None:
    assert status not in SHOWN_STATUSES
    assert not any(readable(reader, status=status) for reader in (ADA, BOB, STRANGER, KEY))


def test_ids_follow_from_what_they_are_about() -> None:
    assert inbox_item_id("evt_1_1", "person:ada") == inbox_item_id("evt_1_1", "person:ada")
    ids = {
        inbox_item_id("evt_1_1", "person:ada"),
        inbox_item_id("evt_1_1", "person:bob"),
        inbox_item_id("evt_1_2", "person:ada"),
        delivery_id("evt_1_1", "person:ada"),
    }
    assert len(ids) == 4


def test_the_body_is_the_view_with_people_and_the_change() -> None:
    view = {"giver": "person:ada", "recipients": ["team:core"], "promise": None, "declined": None}
    body = content("kudos.x", "2026-11-22T10:00:00Z", view, {"p": 1}, {"by": None})
    assert body == {
        "type": "kudos.x",
        "timestamp": "2026-11-22T10:00:00Z",
        "data": {**view, "people": {"p": 1}, "change": {"by": None}},
    }


def test_every_reference_of_a_view_is_named() -> None:
    view = {
        "giver": "person:a",
        "recipients": ["person:b"],
        "promise": {"by": "person:c"},
        "declined": {"by": "person:d"},
    }
    assert references_in(view) == ["person:a", "person:b", "person:c", "person:d"]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda data: data["state"].pop("giver"),
        lambda data: data["state"].update(version=0),
        lambda data: data["state"].update(version="1"),
        lambda data: data["state"].update(id="another"),
        lambda data: data["state"].update(reactions=None),
        lambda data: data.pop("attribution"),
        lambda data: data["attribution"]["giver"].pop("team"),
        lambda data: data["change"].pop("by"),
        lambda data: data.pop("quiet"),
    ],
)
def test_an_event_that_breaks_its_contract_is_refused_before_it_is_folded(break_it: Any) -> None:
    event = recognition()
    assert prepare(event) is not None
    break_it(event.data)
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        prepare(event)


def test_the_directory_passes_and_other_types_are_passed_by() -> None:
    assert prepare(person("person:ada")) is not None
