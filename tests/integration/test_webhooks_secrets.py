"""Secrets of endpoints: sealed at rest, rotated with an overlap, sealed again under a new key."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from standardwebhooks import Webhook, WebhookVerificationError

from cli.main import kudos
from services.notifier.dispatcher import main as dispatcher_main
from services.notifier.resealing import reseal
from services.notifier.sealing import Seals, chat_purpose
from shared import times
from shared.config import ConfigError, Settings
from shared.mongo import Client
from shared.secret_keys import new_key
from shared.vault import Vault
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, recognition

LOOPBACK = (ip_network("127.0.0.0/8"),)
DAY = timedelta(hours=24)


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(dataclasses.replace(settings, webhook_allow=LOOPBACK), client)
    yield notifier
    notifier.close()


def deliver(
    notifier: Notifier, received: Hooks, path: str = "/hook"
) -> tuple[dict[str, str], bytes]:
    """What arrives of one more event."""
    seen = len(received.of(path))
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: len(received.of(path)) == seen + 1)
    return received.of(path)[-1]


def rotate(notifier: Notifier, endpoint: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = notifier.call("POST", f"/webhooks/{endpoint['id']}/rotate-secret", **options)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_no_secret_stands_in_the_database_as_it_is(notifier: Notifier, received: Hooks) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"url": received.url(), "headers": {"Authorization": "Bearer of-the-hall"}}
    made = notifier.call("POST", "/webhooks", json=body, headers=key).json
    rotated = rotate(notifier, made, headers=key)
    headers, _ = deliver(notifier, received)
    assert headers["authorization"] == "Bearer of-the-hall"
    notifier.dispatch_until(lambda: notifier.attempts(made))
    stored = "\n".join(
        str(document)
        for name in notifier.db.list_collection_names()
        for document in notifier.db[name].find()
    )
    for secret in (made["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in stored
    assert "of-the-hall" not in stored
    [attempt] = notifier.attempts(made)
    assert attempt["sent"]["headers"]["Authorization"] == "[not kept]"


def test_while_a_secret_is_replaced_both_verify_and_then_the_new_one_alone(
    notifier: Notifier, received: Hooks
) -> None:
    made = notifier.subscribe(received.url())
    rotated = rotate(notifier, made)
    assert rotated["secret"] != made["secret"]
    until = times.parse_rfc3339(rotated["previous_secret_until"])
    assert DAY - timedelta(minutes=1) < until - times.now() <= DAY

    headers, body = deliver(notifier, received)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verifies(made["secret"], headers, body)
    assert verifies(rotated["secret"], headers, body)

    later = notifier.new_dispatcher(now=lambda: times.now() + DAY)
    notifier.dispatcher.close()
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: len(received.arrived) == 2, 10, later)
    headers, body = received.of("/hook")[-1]
    assert len(headers["webhook-signature"].split(" ")) == 1
    with time_machine.travel(times.now() + DAY):
        assert verifies(rotated["secret"], headers, body)
        assert not verifies(made["secret"], headers, body)
        read = notifier.call("GET", f"/webhooks/{made['id']}").json
        assert read["previous_secret_until"] is None


def test_rotating_again_ends_the_oldest(notifier: Notifier, received: Hooks) -> None:
    first = notifier.subscribe(received.url())
    second, third = rotate(notifier, first), rotate(notifier, first)
    headers, body = deliver(notifier, received)
    good = [verifies(each["secret"], headers, body) for each in (first, second, third)]
    assert good == [False, True, True]


def test_a_rotation_has_one_effect_per_idempotency_key_and_needs_the_owner(
    notifier: Notifier, received: Hooks
) -> None:
    made = notifier.subscribe(received.url())
    key = {"Idempotency-Key": "once"}
    first, again = (rotate(notifier, made, headers=key) for _ in range(2))
    assert first["revision"] == again["revision"] == 2
    assert (bool(first["secret"]), again["secret"]) == (True, None)
    path = f"/webhooks/{made['id']}/rotate-secret"
    assert notifier.call("POST", path, "bob").status_code == 404
    assert notifier.call("POST", path, scopes=["kudos:read"]).status_code == 403


@pytest.mark.parametrize(
    ("minutes", "is_good"), [(0, True), (4, True), (-4, True), (6, False), (-6, False)]
)
def test_a_receiver_whose_clock_is_off_refuses_beyond_five_minutes(
    notifier: Notifier, received: Hooks, minutes: int, is_good: bool
) -> None:
    """As the specification wants it: which is also the end of replaying what was overheard."""
    made = notifier.subscribe(received.url())
    headers, body = deliver(notifier, received)
    with time_machine.travel(times.now() + timedelta(minutes=minutes)):
        assert verifies(made["secret"], headers, body) == is_good


def test_what_was_changed_on_the_way_does_not_verify(notifier: Notifier, received: Hooks) -> None:
    made = notifier.subscribe(received.url())
    headers, body = deliver(notifier, received)
    assert verifies(made["secret"], headers, body)
    assert not verifies(made["secret"], headers, body + b" ")
    for name, value in (("webhook-id", "evt_other"), ("webhook-timestamp", str(10**9))):
        assert not verifies(made["secret"], {**headers, name: value}, body)


def test_a_retry_is_signed_anew_under_the_same_id(notifier: Notifier, received: Hooks) -> None:
    """A receiver tells a repetition by the webhook-id; the timestamp is of the attempt."""
    made = notifier.subscribe(received.url())
    first, _ = deliver(notifier, received)
    notifier.dispatch_until(lambda: notifier.attempts(made))
    [attempt] = notifier.attempts(made)
    path = f"/webhooks/{made['id']}/attempts/{attempt['id']}/resend"
    hour = timedelta(hours=1)
    later = notifier.new_dispatcher(now=lambda: times.now() + hour)
    notifier.dispatcher.close()
    assert notifier.call("POST", path).status_code == 202
    notifier.dispatch_until(lambda: len(received.arrived) == 2, 10, later)
    second, body = received.of("/hook")[-1]
    assert second["webhook-id"] == first["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 3590
    with time_machine.travel(times.now() + hour):
        assert verifies(made["secret"], second, body)
        assert not verifies(made["secret"], first, body)


def as_before_there_were_keys(notifier: Notifier, endpoint: dict[str, Any]) -> None:
    entry = {"cipher": "none", "value": endpoint["secret"]}
    update = {"$set": {"secrets": [entry]}, "$unset": {"filters": "", "sealed_headers": ""}}
    notifier.db["webhooks"].update_one({"_id": endpoint["id"]}, update)


def ciphers(notifier: Notifier) -> set[tuple[str, str | None]]:
    """(cipher, key) of all that is kept secret."""
    return {
        (entry["cipher"], entry.get("key"))
        for endpoint in notifier.db["webhooks"].find()
        for entry in [*endpoint["secrets"], endpoint.get("sealed_headers")]
        if entry
    }


def test_a_secret_of_before_there_were_keys_works_and_is_sealed_when_next_written(
    notifier: Notifier, received: Hooks
) -> None:
    made = notifier.subscribe(received.url())
    as_before_there_were_keys(notifier, made)
    headers, body = deliver(notifier, received)
    assert verifies(made["secret"], headers, body)
    assert ciphers(notifier) == {("none", None)}
    path, match = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    changed = notifier.call("PATCH", path, json={"description": "x"}, headers=match)
    assert changed.status_code == 200
    assert {cipher for cipher, _ in ciphers(notifier)} == {"aes-256-gcm"}
    headers, body = deliver(notifier, received)
    assert verifies(made["secret"], headers, body)


def test_without_keys_no_endpoint_is_made_and_no_dispatcher_starts(
    settings: Settings, client: Client
) -> None:
    without = dataclasses.replace(settings, secret_keys=())
    notifier = Notifier(without, client)
    answer = notifier.call("POST", "/webhooks", json={"url": "https://8.8.8.8/"})
    assert answer.status_code == 503
    assert "openssl rand -base64 32" in answer.json["detail"]
    assert notifier.db["webhooks"].count_documents({}) == 0
    with pytest.raises(ConfigError, match="openssl rand -base64 32") as refused:
        dispatcher_main(without)
    assert "\n" not in str(refused.value)
    notifier.close()


def test_what_cannot_be_signed_waits_and_holds_up_nobody(
    notifier: Notifier, received: Hooks, settings: Settings, client: Client
) -> None:
    notifier.subscribe(received.url("/lost"))
    other_key = new_key()
    other = dataclasses.replace(settings, webhook_allow=LOOPBACK, secret_keys=(other_key,))
    stranger = Notifier(other, client)
    stranger.subscribe(received.url("/well"), "bob")
    notifier.dispatcher.close()
    notifier.publish(recognition(), recognition())
    stranger.dispatch_until(lambda: len(received.of("/well")) == 2)
    stranger.dispatch_until(lambda: stranger.states() == ["pending"] * 2 + ["succeeded"] * 2)
    assert received.of("/lost") == []
    assert notifier.db["attempts"].count_documents({}) == 2
    stranger.dispatcher.close()
    both = Seals((other_key, *notifier.settings.secret_keys))
    stranger.db["deliveries"].update_many({"state": "pending"}, {"$set": {"due_at": times.now()}})
    again = notifier.new_dispatcher()
    again._composer._seals = both
    notifier.dispatch_until(lambda: len(received.of("/lost")) == 2, 10, again)
    stranger.close()


def test_everything_is_sealed_again_under_a_new_key_and_once(
    notifier: Notifier, received: Hooks
) -> None:
    old, new = notifier.settings.secret_keys[0], new_key()
    endpoints = [
        notifier.subscribe(received.url(f"/{number}"), headers={"X-Token": str(number)})
        for number in range(3)
    ]
    rotate(notifier, endpoints[0])
    as_before_there_were_keys(notifier, endpoints[2])
    looked: list[int] = []
    both = Seals((new, old))
    done = reseal(notifier.repository, both, looked.append)
    assert (done.endpoints, done.changed, done.unopened, sum(looked)) == (3, 3, {}, 3)
    assert ciphers(notifier) == {("aes-256-gcm", new.id)}
    assert done.keys == {new.id: 3 + 1 + 2}
    again = reseal(notifier.repository, both, looked.append)
    assert (again.endpoints, again.changed) == (3, 0)
    alone = notifier.new_dispatcher()
    alone._composer._seals = Seals((new,))
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: len(received.arrived) == 3, 10, alone)
    for number, endpoint in enumerate(endpoints[1:], 1):
        [(headers, body)] = received.of(f"/{number}")
        assert verifies(endpoint["secret"], headers, body)
    revisions = {each["revision"] for each in notifier.db["webhooks"].find()}
    assert revisions == {1, 2}, "to whoever holds an ETag nothing changed"


def test_the_command_seals_again_and_says_what_it_did(
    notifier: Notifier, received: Hooks, settings: Settings
) -> None:
    notifier.subscribe(received.url())
    old, new = settings.secret_keys[0], new_key()
    chat, purpose = "https://chat.example.org/hook", chat_purpose("person:ada")
    set_ = {"_id": "person:ada", "chat_url": Vault((old,)).seal(chat, purpose)}
    notifier.repository.preferences.store(set_)

    def run(*keys: str) -> Any:
        environment = {
            "KUDOS_MONGO_URI": settings.mongo_uri,
            "KUDOS_NAMESPACE": settings.namespace,
            "KUDOS_SECRET_KEYS": ",".join(keys),
        }
        return CliRunner().invoke(kudos, ["secrets", "reseal"], env=environment)

    first = run(new.text, old.text)
    assert first.exit_code == 0, first.output
    said = f"1 endpoints and 1 chat URLs: 2 sealed again under the key {new.id}, 0 were already."
    assert said in first.stdout
    assert f"Nothing is sealed under {old.id} any more" in first.stderr
    kept = notifier.repository.preferences.get("person:ada")
    assert kept is not None
    assert Vault((new,)).open(kept["chat_url"], purpose) == chat
    assert "0 sealed again" in run(new.text).stdout
    lost = run(old.text)
    assert lost.exit_code == 1
    assert f"the key {new.id}, which KUDOS_SECRET_KEYS does not hold" in lost.stderr
    without = run()
    assert without.exit_code == 1
    assert "openssl rand" in without.output
    assert json.dumps(old.text) not in first.output
