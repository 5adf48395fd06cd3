"""Webhooks from the event to the receiver: real database, real log, real HTTP."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from standardwebhooks import Webhook

from services.notifier.dispatching import LEASE_SECONDS, Dispatcher
from services.notifier.outcomes import Outcome
from shared import times
from shared.auth.api_keys import new_key
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import Client
from tests.hooks import Hooks, hang, hold, hooks, status
from tests.notifier_parts import Notifier, person, recognition, wait_until


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client)
    yield notifier
    notifier.close()


def test_a_thank_you_is_delivered_signed_and_noted(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url(), event_types=["kudos.recognition.*"])
    event = recognition("person:ada", ["person:bob"], message="Well done")
    notifier.publish(person("person:bob", name="Bob Baker", team="team:core"), event)

    notifier.dispatch_until(lambda: notifier.attempts(endpoint))

    [(headers, body)] = received.of("/hook")
    verified = Webhook(endpoint["secret"]).verify(body, headers)
    assert headers["webhook-id"] == event.id
    assert verified["type"] == "kudos.recognition.thanked"
    assert verified["timestamp"] == event.time
    assert verified["data"]["message"] == "Well done"
    assert verified["data"]["version"] == 1
    assert verified["data"]["people"]["person:bob"] == {
        "name": "Bob Baker",
        "team": "team:core",
        "photo_url": None,
    }
    assert verified["data"]["change"] == event.data["change"]
    [attempt] = notifier.attempts(endpoint)
    assert (attempt["outcome"], attempt["status"], attempt["number"]) == ("succeeded", 204, 1)
    assert attempt["webhook_id"] == event.id
    assert json.loads(attempt["sent"]["body"]) == verified
    assert notifier.states() == ["succeeded"]


def delivery(notifier: Notifier) -> dict[str, Any]:
    """The one delivery there is."""
    [found] = notifier.db["deliveries"].find()
    return dict(found)


def make_due(notifier: Notifier) -> None:
    """As if the wait were over."""
    notifier.db["deliveries"].update_many(
        {"state": "pending"}, {"$set": {"due_at": times.now() - timedelta(milliseconds=1)}}
    )


def test_only_the_types_that_were_asked_for_are_delivered(
    notifier: Notifier, received: Hooks
) -> None:
    notifier.subscribe(received.url("/thanks"), event_types=["kudos.recognition.thanked"])
    notifier.subscribe(received.url("/asks"), event_types=["kudos.recognition.asked"])
    notifier.subscribe(received.url("/all"), event_types=["kudos.recognition.*"])
    asked = recognition(type="kudos.recognition.asked", kind="please", status="open")
    unknown = recognition(type="kudos.recognition.invented")
    notifier.publish(recognition(), asked, unknown)

    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 4)

    assert len(received.of("/thanks")) == len(received.of("/asks")) == 1
    assert len(received.of("/all")) == 2


def test_an_endpoint_carries_what_its_owner_may_read(notifier: Notifier, received: Hooks) -> None:
    notifier.publish(
        person("person:eve", team="team:legal"),
        person("person:jo", partner="partner:acme"),
        person("person:left", active=True),
    )
    for name in ("ada", "bob", "eve", "jo", "left"):
        notifier.subscribe(received.url(f"/{name}"), name)
    notifier.publish(person("person:left", version=2, active=False))
    everybody = recognition(id=new_id(), message="public")
    team = recognition(visibility="team", message="team", teams={"person:bob": "team:legal"})
    private = recognition(visibility="private", message="private")
    partner = recognition(
        "person:ada", ["person:x"], partners={"person:x": "partner:acme"}, message="partner"
    )
    notifier.publish(everybody, team, private, partner)

    notifier.dispatch_until(lambda: set(notifier.states()) == {"succeeded"})

    def messages(name: str) -> set[str]:
        return {json.loads(body)["data"]["message"] for _, body in received.of(f"/{name}")}

    assert messages("ada") == {"public", "team", "private", "partner"}
    assert messages("bob") == {"public", "team", "private", "partner"}
    assert messages("eve") == {"public", "team", "partner"}
    assert messages("jo") == {"partner"}
    assert messages("left") == set()


def test_reactions_are_shown_as_the_owner_would_see_them(
    notifier: Notifier, received: Hooks
) -> None:
    for name in ("ada", "bob"):
        notifier.subscribe(received.url(f"/{name}"), name)
    notifier.publish(recognition(reactions={"👏": ["person:bob", "person:cy"]}))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 2)
    for name, mine in (("ada", []), ("bob", ["👏"])):
        [(_, body)] = received.of(f"/{name}")
        data = json.loads(body)["data"]
        assert data["reactions"] == {"👏": 2}
        assert data["my_reactions"] == mine


def test_the_past_and_what_is_quiet_reach_nobody(notifier: Notifier, received: Hooks) -> None:
    notifier.subscribe(received.url())
    yesterday = times.to_rfc3339(times.now() - timedelta(hours=24, minutes=1))
    notifier.publish(recognition(quiet=True), recognition(at=yesterday))
    assert notifier.states() == []
    assert notifier.inbox("bob") == []


def test_what_comes_twice_is_delivered_once(notifier: Notifier, received: Hooks) -> None:
    notifier.subscribe(received.url())
    event = recognition()
    notifier.publish(event, event)
    notifier.publish(event)
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    assert len(received.arrived) == 1


def test_a_failure_is_tried_again_by_the_schedule_under_the_same_id(
    notifier: Notifier, received: Hooks
) -> None:
    endpoint = notifier.subscribe(received.url())
    received.answers["/hook"] = status(500, b"sorry")
    event = recognition()
    notifier.publish(event)

    waits = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for number, wait in enumerate(waits, 1):
        notifier.dispatch_until(lambda number=number: len(notifier.attempts(endpoint)) == number)
        notifier.dispatch_until(lambda number=number: delivery(notifier)["attempts"] == number)
        due_in = (delivery(notifier)["due_at"] - times.now()).total_seconds()
        assert wait - 5 < due_in <= wait * 1.2
        make_due(notifier)
    notifier.dispatch_until(lambda: delivery(notifier)["state"] == "exhausted")

    assert "due_at" not in delivery(notifier)
    assert {headers["webhook-id"] for headers, _ in received.of("/hook")} == {event.id}
    attempts = notifier.attempts(endpoint)
    assert [attempt["number"] for attempt in attempts] == list(range(10, 0, -1))
    assert {(a["outcome"], a["status"], a["answer"]) for a in attempts} == {
        ("failed", 500, "sorry")
    }


def test_a_retry_carries_the_present_state_and_time(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url(), event_types=["kudos.recognition.thanked"])
    received.answers["/hook"] = status(503)
    first = recognition(message="Thnaks")
    notifier.publish(first)
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    notifier.publish(
        recognition(id=first.subject, version=2, type="kudos.recognition.amended", message="Thanks")
    )
    received.answers["/hook"] = status(204)
    notifier.dispatch_until(lambda: delivery(notifier)["attempts"] == 1)
    make_due(notifier)
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    headers, body = received.of("/hook")[-1]
    sent = Webhook(endpoint["secret"]).verify(body, headers)
    assert sent["type"] == "kudos.recognition.thanked"
    assert (sent["data"]["message"], sent["data"]["version"]) == ("Thanks", 2)
    assert sent["timestamp"] == first.time


def test_what_was_retracted_before_it_was_sent_is_not_sent(
    notifier: Notifier, received: Hooks
) -> None:
    notifier.subscribe(received.url())
    event = recognition()
    notifier.publish(event)
    notifier.publish(
        recognition(
            id=event.subject, version=2, type="kudos.recognition.retracted", status="retracted"
        )
    )
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"])
    assert delivery(notifier)["reason"] == "the recognition is not shown any more"
    assert received.arrived == []


def test_an_older_version_that_comes_late_changes_nothing(
    notifier: Notifier, received: Hooks
) -> None:
    endpoint = notifier.subscribe(received.url())
    event = recognition(message="old")
    newer = recognition(
        id=event.subject, version=2, type="kudos.recognition.amended", message="new"
    )
    notifier.publish(newer)
    notifier.publish(event)
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    assert [json.loads(body)["data"]["message"] for _, body in received.of("/hook")] == ["new"]
    assert notifier.states() == ["succeeded"]


@pytest.mark.parametrize(
    "lose",
    [
        lambda n: n.publish(person("person:ada", version=2, active=False)),
        lambda n: n.publish(person("person:ada", version=2, partner="partner:acme")),
    ],
    ids=["has left", "is a partner's now"],
)
def test_an_owner_who_lost_the_right_gets_no_more(
    notifier: Notifier, received: Hooks, lose: Callable[[Notifier], None]
) -> None:
    notifier.publish(person("person:ada"))
    notifier.subscribe(received.url())
    notifier.publish(recognition("person:x", ["person:y"]))
    lose(notifier)
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"])
    assert received.arrived == []


def test_a_deleted_endpoint_gets_nothing_that_waited(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    path = f"/webhooks/{endpoint['id']}"
    assert notifier.call("DELETE", path, headers={"If-Match": '"1"'}).status_code == 204
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"])
    assert received.arrived == []


def test_what_a_revoked_key_made_carries_nothing_more(notifier: Notifier, received: Hooks) -> None:
    identifier, token, hashed = new_key()
    key = {
        "_id": identifier,
        "hash": hashed,
        "scopes": ["webhooks:write", "kudos:read"],
        "person": None,
        "on_behalf_of": False,
        "revoked_at": None,
        "version": 1,
    }
    notifier.db["api_keys"].insert_one(key)
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"url": received.url()}
    assert notifier.call("POST", "/webhooks", headers=bearer, json=body).status_code == 201
    notifier.publish(recognition(), recognition(visibility="team"))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    notifier.publish(recognition())
    notifier.db["api_keys"].update_one({"_id": identifier}, {"$set": {"revoked_at": times.now()}})
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled", "succeeded"])
    assert len(received.arrived) == 1


def test_a_name_that_leads_inside_later_is_not_followed(
    settings: Settings, client: Client, received: Hooks
) -> None:
    answers = {"hooks.example": ["127.0.0.1"]}
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client, resolver=lambda host, _port: answers[host])
    endpoint = notifier.subscribe(received.url(host="hooks.example"))
    answers["hooks.example"] = ["169.254.169.254"]
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    [attempt] = notifier.attempts(endpoint)
    assert (attempt["outcome"], attempt["status"]) == ("failed", None)
    assert "link-local" in attempt["error"]
    assert received.arrived == []
    notifier.close()


def test_one_that_hangs_slows_no_other(notifier: Notifier, received: Hooks) -> None:
    notifier.subscribe(received.url("/hangs"), event_types=["kudos.recognition.thanked"])
    notifier.subscribe(received.url("/well"), event_types=["kudos.recognition.*"])
    received.answers["/hangs"] = hang
    notifier.publish(*(recognition() for _ in range(60)))
    began = time.monotonic()
    notifier.dispatch_until(lambda: len(received.of("/well")) == 60)
    assert time.monotonic() - began < 2.0  # the time-out of one request, here
    received.released.set()


@pytest.mark.parametrize("count", [40])
def test_two_dispatchers_send_nothing_twice(
    notifier: Notifier, received: Hooks, count: int
) -> None:
    for number in range(5):
        notifier.subscribe(received.url(f"/{number}"))
    notifier.publish(*(recognition() for _ in range(count)))
    dispatchers = [notifier.new_dispatcher() for _ in range(3)]
    barrier = threading.Barrier(3)

    def run(dispatcher: Dispatcher) -> None:
        barrier.wait()
        notifier.dispatch_until(
            lambda: notifier.states() == ["succeeded"] * 5 * count, 30, dispatcher
        )

    threads = [threading.Thread(target=run, args=(each,)) for each in dispatchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = [(path, headers["webhook-id"]) for path, headers, _ in received.arrived]
    assert len(sent) == len(set(sent)) == 5 * count


def test_another_takes_over_from_one_that_died(notifier: Notifier, received: Hooks) -> None:
    received.answers["/hook"] = hold
    notifier.subscribe(received.url())
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: received.arrived)
    stand_by = notifier.new_dispatcher()
    stand_by.step()
    assert len(received.arrived) == 1, "nobody else sends while the lease runs"
    received.answers["/hook"] = status(204)
    lease = timedelta(seconds=LEASE_SECONDS)
    later = notifier.new_dispatcher(now=lambda: times.now() + lease)
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"], 10, later)
    assert len(received.arrived) == 2
    finished = delivery(notifier)
    received.released.set()
    notifier.dispatch_until(lambda: notifier.db["attempts"].count_documents({}) == 2)
    assert delivery(notifier) == finished, "who lost the lease changes nothing any more"


def test_who_lost_the_lease_begins_nothing_more(notifier: Notifier, received: Hooks) -> None:
    received.answers["/hook"] = hold
    notifier.subscribe(received.url())
    notifier.publish(*(recognition() for _ in range(20)))
    notifier.dispatch_until(lambda: len(received.arrived) == 8)
    notifier.dispatcher._active_until = 0.0
    received.released.set()
    wait_until(lambda: notifier.dispatcher._lanes.at_hand() == 0)
    assert len(received.arrived) == 8


def test_stopping_leaves_what_was_not_begun_to_the_next(
    notifier: Notifier, received: Hooks
) -> None:
    received.answers["/hook"] = hold
    notifier.subscribe(received.url())
    notifier.publish(*(recognition() for _ in range(20)))
    notifier.dispatch_until(lambda: len(received.arrived) == 8)
    threading.Timer(0.1, received.released.set).start()
    notifier.dispatcher.close()
    assert len(received.arrived) == 8
    other = notifier.new_dispatcher()
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 20, 10, other)


def test_a_failing_database_loses_no_outcome(
    notifier: Notifier, received: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier.subscribe(received.url())
    notifier.publish(recognition())

    def refuse(*_: object) -> None:
        raise AutoReconnect("gone")

    with monkeypatch.context() as broken:
        broken.setattr(notifier.repository.deliveries, "replace", refuse)

        def failed() -> bool:
            try:
                notifier.dispatcher.step()
            except AutoReconnect:
                return True
            return False

        wait_until(failed)
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    assert len(received.arrived) == 1
    assert notifier.db["attempts"].count_documents({}) == 1


def test_what_could_not_be_tried_stays_due(
    notifier: Notifier, received: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier.subscribe(received.url())
    notifier.publish(recognition())
    tried = threading.Event()

    def fail(*_: object) -> None:
        tried.set()
        raise RuntimeError("a defect")

    with monkeypatch.context() as broken:
        broken.setattr("services.notifier.dispatching.sign", fail)
        notifier.dispatch_until(tried.is_set)
    assert notifier.states() == ["pending"]
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])


def test_what_becomes_due_behind_the_sweep_is_found_all_the_same(
    notifier: Notifier, received: Hooks
) -> None:
    """As by another host's clock: within the overlap at once, beyond it by the next backlog."""
    notifier.subscribe(received.url())
    notifier.dispatcher.step()
    for seconds in (3, 3600):
        notifier.publish(recognition())
        due_at = times.now() - timedelta(seconds=seconds)
        notifier.db["deliveries"].update_many({"state": "pending"}, {"$set": {"due_at": due_at}})
        if seconds > 5:
            notifier.dispatcher._sweeps.look_back(times.now())
        notifier.dispatch_until(lambda: "pending" not in notifier.states())
    assert len(received.arrived) == 2


def test_what_was_left_due_over_two_batches_is_found_again_though_the_second_failed(
    notifier: Notifier, received: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a database comes back for a moment: nothing of the first batch stays at hand."""
    monkeypatch.setattr("services.notifier.outcomes._BATCH", 4)
    notifier.subscribe(received.url())
    notifier.publish(*(recognition() for _ in range(12)))
    dispatcher = notifier.dispatcher
    monkeypatch.setattr(dispatcher, "_try", lambda job: Outcome(job.delivery))
    monkeypatch.setattr(dispatcher._outcomes, "are_worth_noting", lambda: False)
    begun = notifier.repository.in_transaction
    failing = iter([False, True])

    def fails_once(work: Callable[..., Any]) -> Any:
        if next(failing, False):
            raise AutoReconnect("gone")
        return begun(work)

    notifier.dispatch_until(lambda: dispatcher._outcomes._ended.qsize() == 12)
    monkeypatch.setattr(notifier.repository, "in_transaction", fails_once)
    with pytest.raises(AutoReconnect):
        dispatcher._note()
    assert dispatcher._note() == 12
    assert (dispatcher._at_hand, received.arrived) == (set(), [])
    monkeypatch.undo()
    dispatcher._sweeps.fresh.front = times.now()
    again = time.monotonic()
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 12)
    assert time.monotonic() - again < 5, "the backlog is looked at at once"


def test_no_transaction_makes_more_deliveries_than_it_should(
    notifier: Notifier, received: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.delivering.MOST_DELIVERIES", 10)
    for number in range(5):
        notifier.subscribe(received.url(f"/{number}"))
    made: list[int] = []
    deliveries = notifier.repository.deliveries
    insert = deliveries.insert

    def counted(documents: Any, session: Any) -> None:
        made.append(len(documents))
        insert(documents, session)

    monkeypatch.setattr(deliveries, "insert", counted)
    events = [recognition() for _ in range(13)]
    notifier.log.append(events)
    wait_until(lambda: notifier.fan_out.step() == 0 and len(notifier.states()) == 5 * 13)
    assert max(made) == 10
    assert sum(made) == 5 * 13
    assert notifier.fan_out.max_records == 2
    assert notifier.db["events"].count_documents({}) == 13
