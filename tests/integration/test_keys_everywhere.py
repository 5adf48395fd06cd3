"""API keys in every service: known there, acting for others there, and when they were last used."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared import times
from shared.auth.api_keys import id_of
from shared.config import Settings
from shared.events import ACCESS, Event
from shared.events.contracts import check
from shared.key_uses import UntoldUses
from shared.mongo import Client
from tests.access_parts import OTHERS, SERVICES, Services
from tests.notifier_parts import wait_until
from tests.recognition_parts import thanks
from tests.unit.token_issuer import Clock

SCOPES = ("kudos:read", "kudos:write", "webhooks:write")
READS = {"recognition": "/me", "leaderboard": "/boards", "notifier": "/event-types"}


@pytest.fixture
def services(settings: Settings, client: Client) -> Iterator[Services]:
    services = Services(settings, client)
    services.spread()  # the directory
    yield services
    services.close()


def last_used(services: Services, token: str) -> str | None:
    answer = services.recognition.call("GET", f"/api-keys/{id_of(token)}")
    assert answer.status_code == 200, answer.text
    used: str | None = answer.json["last_used_at"]
    return used


def noted(services: Services, service: str, token: str) -> Any:
    """When a service's own database says that a key was last used, as soon as it does."""
    collection = services.client[services.settings.database(service)]["api_key_uses"]
    wait_until(lambda: collection.find_one({"_id": id_of(token)}))
    found = collection.find_one({"_id": id_of(token)})
    assert found is not None
    return found["used_at"]


def told(services: Services) -> list[Event]:
    """Every use that the log holds, each held to its contract."""
    reader = services.log.reader([ACCESS], services.log.starts([ACCESS]))
    records = reader.poll(1000, 1.0)
    events = [record.event for record in records if record.event]
    for event in events:
        check(event)
    return [event for event in events if event.type == "kudos.key.used"]


# --- known everywhere ----------------------------------------------------------------------------


def test_both_secrets_of_a_rotated_key_and_no_revoked_one_are_good_everywhere(
    services: Services,
) -> None:
    old = services.recognition.key("kudos:read")
    path = f"/api-keys/{id_of(old)}"
    new = services.recognition.call("POST", f"{path}/rotate", json={}).json["key"]
    services.spread()
    for service in SERVICES:
        for token in (old, new):
            answer = services.ask(service, "GET", READS[service], token)
            assert answer.status_code == 200, answer.text
    last = services.recognition.call("POST", f"{path}/rotate", json={"overlap_seconds": 0})
    services.spread()
    for service in SERVICES:
        for token, expected in ((old, 401), (new, 401), (last.json["key"], 200)):
            answer = services.ask(service, "GET", READS[service], token)
            assert answer.status_code == expected
    services.recognition.call("DELETE", path)
    services.spread()
    for service in SERVICES:
        answer = services.ask(service, "GET", READS[service], last.json["key"])
        assert answer.status_code == 401


# --- acting for others ---------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("for_", "expected"),
    [
        ("person:ada", 200),
        ("ada", 200),
        ("person:nobody", 403),
        ("person:bob", 403),  # who has left
        ("team:core", 400),
        ("Ada!", 400),
        ("", 400),
    ],
)
def test_every_service_lets_a_key_act_for_active_people_alone(
    services: Services, service: str, for_: str, expected: int
) -> None:
    for part in (services.recognition, services.leaderboard, services.notifier):
        part.db["directory"].update_one({"_id": "person:bob"}, {"$set": {"active": False}})
    token = services.recognition.key(*SCOPES, on_behalf_of=True)
    services.spread()
    assert services.ask(service, "GET", READS[service], token, for_).status_code == expected


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_lets_a_key_act_for_others_that_may_not(
    services: Services, service: str
) -> None:
    token = services.recognition.key(*SCOPES, person="ada")
    services.spread()
    assert services.ask(service, "GET", READS[service], token).status_code == 200
    assert services.ask(service, "GET", READS[service], token, "grace").status_code == 403


def test_what_a_key_does_for_somebody_is_theirs_in_every_service(services: Services) -> None:
    token = services.recognition.key(*SCOPES, on_behalf_of=True)
    services.spread()

    def act(service: str, method: str, path: str, for_: str = "grace", **more: Any) -> Any:
        answer = services.ask(service, method, path, token, for_, **more)
        assert answer.status_code < 300, answer.text
        return answer.json

    given = act("recognition", "POST", "/recognitions", "ada", json=thanks())
    assert given["giver"] == "person:ada"
    assert act("recognition", "GET", "/me")["reference"] == "person:grace"
    assert act("recognition", "PATCH", "/me", json={"hidden_from_boards": True})["id"] == "grace"
    services.spread()
    assert act("leaderboard", "GET", "/boards/received")["me"] == {"score": 1, "rank": None}
    assert act("leaderboard", "GET", "/boards/given", "ada")["me"] == {"score": 1, "rank": 1}
    [item] = act("notifier", "GET", "/inbox")["items"]
    assert act("notifier", "GET", "/inbox", "ada")["items"] == []
    assert act("notifier", "PATCH", f"/inbox/{item['id']}", json={"read": True})["id"] == item["id"]
    assert act("notifier", "GET", "/inbox")["unread"] == 0
    other = services.ask(
        "notifier", "PATCH", f"/inbox/{item['id']}", token, "ada", json={"read": False}
    )
    assert other.status_code == 404
    endpoint = act("notifier", "POST", "/webhooks", json={"url": "https://192.0.43.8/hook"})
    assert [each["id"] for each in act("notifier", "GET", "/webhooks")["items"]] == [endpoint["id"]]
    assert act("notifier", "GET", "/webhooks", "ada")["items"] == []


def test_an_idempotency_key_is_of_whom_a_key_acts_for(services: Services) -> None:
    token = services.recognition.key(*SCOPES, on_behalf_of=True)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    givers = []
    for person in ("ada", "bob", "ada"):
        answer = services.recognition.call(
            "POST",
            "/recognitions",
            None,
            headers={**headers, "Kudos-On-Behalf-Of": person},
            json=thanks(),
        )
        givers.append((answer.json["giver"], answer.json["id"]))
    assert givers[0] == givers[2]
    assert givers[0][0] == "person:ada"
    assert givers[1][0] == "person:bob"


# --- last used -----------------------------------------------------------------------------------


def test_a_use_in_recognition_is_shown_and_no_version_of_the_key(services: Services) -> None:
    token = services.recognition.key("kudos:read")
    assert last_used(services, token) is None
    services.recognition.with_key(token, "GET", "/me")
    at = noted(services, "recognition", token)
    assert last_used(services, token) == times.to_rfc3339(at)
    [listed] = services.recognition.call("GET", "/api-keys").json["items"]
    assert (listed["last_used_at"], listed["version"]) == (times.to_rfc3339(at), 1)
    assert len(services.recognition.events(str(id_of(token)))) == 1
    assert told(services) == []


@pytest.mark.parametrize("service", OTHERS)
def test_a_use_elsewhere_is_told_once_and_shown(services: Services, service: str) -> None:
    token = services.recognition.key("kudos:read")
    services.spread()
    assert services.ask(service, "GET", READS[service], token).status_code == 200
    at = noted(services, service, token)
    services.spread()
    services.spread()
    assert last_used(services, token) == times.to_rfc3339(at)
    [event] = told(services)
    assert (event.source, event.subject) == (f"/{service}", id_of(token))


def test_a_key_that_is_refused_was_not_used(services: Services) -> None:
    token = services.recognition.key("kudos:read")
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "kk_x_y"):
        services.recognition.with_key(wrong, "GET", "/me")
    assert services.recognition.with_key(token, "GET", "/me", "ada").status_code == 403
    other = services.recognition.key("kudos:read")
    services.recognition.with_key(other, "GET", "/me")
    noted(services, "recognition", other)
    assert last_used(services, token) is None


def test_the_latest_use_is_shown_in_whatever_order_and_however_often_they_are_told(
    services: Services,
) -> None:
    token, now = services.recognition.key("kudos:read"), times.now()
    instants = [now - timedelta(minutes=minutes) for minutes in (5, 1, 9, 1, 3)]
    for index, at in enumerate(instants):
        uses = UntoldUses(services.client[services.settings.database(OTHERS[index % 2])])
        uses.note(str(id_of(token)), at)
        uses.tell(services.log, OTHERS[index % 2])
        services.spread()
    assert last_used(services, token) == times.to_rfc3339(now - timedelta(minutes=1))


def test_what_was_used_while_it_was_told_is_told_again(services: Services) -> None:
    uses = UntoldUses(services.leaderboard.db)
    first = times.now()

    class Meanwhile:
        """The log, beside which the key is used once more while an append runs."""

        def append(self, events: list[Event]) -> None:
            services.log.append(events)
            uses.note("k1", first + timedelta(minutes=1))

    uses.note("k1", first)
    meanwhile: Any = Meanwhile()
    assert uses.tell(meanwhile, "leaderboard") == 1
    assert uses.tell(services.log, "leaderboard") == 1
    assert uses.tell(services.log, "leaderboard") == 0
    assert [event.time for event in told(services)] == [
        times.to_rfc3339(first),
        times.to_rfc3339(first + timedelta(minutes=1)),
    ]


def test_uses_that_the_log_forgot_stop_nobody(services: Services) -> None:
    offsets = services.recognition.db["offsets"]
    token = services.recognition.key("kudos:read")
    beyond = dict.fromkeys(services.log.ends([ACCESS]), 10_000)
    services.uses.step()
    offsets.update_one({"_id": "key-uses"}, {"$set": {"offsets": beyond}})
    uses = UntoldUses(services.leaderboard.db)
    at = times.now()
    uses.note(str(id_of(token)), at)
    uses.tell(services.log, "leaderboard")
    for _ in range(5):
        services.uses.step()
    assert last_used(services, token) == times.to_rfc3339(at)


def test_a_service_tells_of_its_uses_once_a_minute(services: Services) -> None:
    uses, clock = UntoldUses(services.notifier.db), Clock()
    follower = services.follower("notifier", clock=clock)
    follower.step()
    uses.note("k1", times.now())
    follower.step()
    assert told(services) == []
    clock.now += 60
    follower.step()
    assert len(told(services)) == 1
    follower.close()
