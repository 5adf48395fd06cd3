"""Inboxes, from the event to what a person reads."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.fan_out import follower
from services.notifier.fanning import Fanning, prepare
from services.notifier.repository.inbox import KEPT_FOR
from shared import times
from shared.config import Settings
from shared.eventlog import open_log
from shared.eventlog.follower import Follower
from shared.eventlog.mongo import MongoEventLog
from shared.ids import new_id
from shared.mongo import Client, in_transaction
from tests.notifier_parts import Notifier, person, recognition


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client)
    yield notifier
    notifier.close()


def messages(notifier: Notifier, as_: str) -> list[str]:
    return [item["recognition"]["message"] for item in notifier.inbox(as_)]


def unread(notifier: Notifier, as_: str) -> int:
    return int(notifier.call("GET", "/inbox", as_).json["unread"])


def test_each_recipient_finds_it_and_the_giver_does_not(notifier: Notifier) -> None:
    event = recognition("person:ada", ["person:bob", "person:cy"], message="Well done")
    notifier.publish(person("person:bob", name="Bob Baker", team="team:core"), event)

    answer = notifier.call("GET", "/inbox", "bob").json
    [item] = answer["items"]
    assert item["type"] == "kudos.recognition.thanked"
    assert item["by"] == "person:ada"
    assert item["sequence"] == 1
    assert item["read"] is False
    assert item["recognition"]["id"] == event.subject
    assert item["recognition"]["message"] == "Well done"
    assert answer["people"]["person:bob"]["name"] == "Bob Baker"
    assert answer["unread"] == 1
    assert answer["next"] is None
    assert messages(notifier, "cy") == ["Well done"]
    assert notifier.inbox("ada") == []


def test_a_link_is_absolute_where_the_address_of_the_suite_is_known(
    settings: Settings, client: Client
) -> None:
    known = replace(settings, public_url="https://kudos.example/")
    for chosen, base in ((settings, ""), (known, "https://kudos.example")):
        notifier = Notifier(chosen, client)
        notifier.publish(recognition())
        item = notifier.inbox("bob")[0]
        identifier = item["recognition"]["id"]
        assert item["link"] == f"{base}/recognition/v1/recognitions/{identifier}"
        notifier.close()


def test_names_of_who_acted_are_told_too(notifier: Notifier) -> None:
    notifier.publish(recognition("person:ada", ["person:bob"], by="person:eve"))
    assert "person:eve" in notifier.call("GET", "/inbox", "bob").json["people"]


def test_everybody_of_a_team_or_partner_is_told_once(notifier: Notifier) -> None:
    notifier.publish(
        person("person:ada", team="team:core"),
        person("person:bob", team="team:core"),
        person("person:gone", team="team:core", active=False),
        person("person:other", team="team:ops"),
        person("person:jo", partner="partner:acme"),
    )
    recipients = ["team:core", "person:bob", "partner:acme"]
    notifier.publish(recognition("person:ada", recipients, visibility="private"))
    told = {name: len(notifier.inbox(name)) for name in ("ada", "bob", "other", "jo")}
    assert told == {"ada": 0, "bob": 1, "other": 0, "jo": 1}
    assert notifier.db["inbox"].count_documents({"person": "person:gone"}) == 0


def test_who_has_left_is_told_nothing(notifier: Notifier) -> None:
    notifier.publish(person("person:bob", active=False))
    notifier.publish(recognition("person:ada", ["person:bob", "person:stranger"]))
    told = notifier.db["inbox"].distinct("person")
    assert told == ["person:stranger"], "and who is in no directory yet is not forgotten"


def test_a_repeated_event_makes_no_second_item_even_for_a_new_member(notifier: Notifier) -> None:
    notifier.publish(person("person:bob", team="team:core"))
    event = recognition("person:ada", ["team:core"], visibility="team")
    notifier.publish(event)
    notifier.publish(person("person:new", team="team:core"))
    notifier.publish(event, event)
    assert len(notifier.inbox("bob")) == 1
    assert notifier.inbox("new") == []


def test_what_is_retracted_leaves_the_inbox_and_what_is_restored_returns(
    notifier: Notifier,
) -> None:
    event = recognition()
    notifier.publish(event, recognition(message="stays"))
    assert unread(notifier, "bob") == 2
    hidden = recognition(
        id=event.subject, version=2, type="kudos.recognition.hidden", status="hidden"
    )
    notifier.publish(hidden)
    assert messages(notifier, "bob") == ["stays"]
    assert unread(notifier, "bob") == 1
    path = f"/inbox/{notifier.db['inbox'].find_one({'recognition': event.subject})['_id']}"
    assert notifier.call("PATCH", path, "bob", json={"read": True}).status_code == 404
    notifier.publish(recognition(id=event.subject, version=3, type="kudos.recognition.restored"))
    assert len(notifier.inbox("bob")) == 2
    assert unread(notifier, "bob") == 2


def test_what_is_thanked_and_retracted_in_one_batch_tells_nobody(notifier: Notifier) -> None:
    event = recognition()
    retracted = recognition(
        id=event.subject, version=2, type="kudos.recognition.retracted", status="retracted"
    )
    notifier.publish(event, retracted)
    assert notifier.db["inbox"].count_documents({}) == 0


def test_an_item_shows_the_present_state(notifier: Notifier) -> None:
    event = recognition(message="Thnaks")
    notifier.publish(event)
    notifier.publish(
        recognition(
            id=event.subject, version=2, type="kudos.recognition.amended", message="Thanks",
            reactions={"👏": ["person:bob"]},
        )
    )  # fmt: skip
    [item] = notifier.inbox("bob")
    assert item["recognition"]["message"] == "Thanks"
    assert item["recognition"]["my_reactions"] == ["👏"]


def test_who_is_taken_out_of_a_private_one_reads_it_no_more(notifier: Notifier) -> None:
    event = recognition("person:ada", ["person:bob", "person:cy"], visibility="private")
    notifier.publish(event)
    notifier.publish(
        recognition(
            "person:ada", ["person:cy"], id=event.subject, version=2, visibility="private",
            type="kudos.recognition.amended",
        )
    )  # fmt: skip
    assert notifier.inbox("bob") == []
    assert len(notifier.inbox("cy")) == 1


def test_reading_one_and_reading_all(notifier: Notifier) -> None:
    notifier.publish(*(recognition(message=str(number)) for number in range(3)))
    newest = notifier.inbox("bob")[0]
    answer = notifier.call("PATCH", f"/inbox/{newest['id']}", "bob", json={"read": True})
    assert answer.status_code == 200
    assert answer.json["read"] is True
    assert answer.json["recognition"] == newest["recognition"]
    assert set(answer.json["people"]) == {"person:ada", "person:bob"}
    assert unread(notifier, "bob") == 2
    notifier.call("PATCH", f"/inbox/{newest['id']}", "bob", json={"read": False})
    assert unread(notifier, "bob") == 3
    answer = notifier.call("POST", "/inbox/read-all", "bob")
    assert answer.json == {"marked": 3, "unread": 0}
    assert all(item["read"] for item in notifier.inbox("bob"))
    assert notifier.call("POST", "/inbox/read-all", "bob").json["marked"] == 0


def test_items_of_others_are_not_found(notifier: Notifier) -> None:
    notifier.publish(recognition())
    path = f"/inbox/{notifier.inbox('bob')[0]['id']}"
    for as_ in ("ada", "eve"):
        answer = notifier.call("PATCH", path, as_, json={"read": True})
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"
    assert unread(notifier, "bob") == 1


def test_pages_hold_every_item_once_while_others_arrive_and_vanish(notifier: Notifier) -> None:
    events = [recognition(message=str(number)) for number in range(25)]
    notifier.publish(*events)
    for vanished in events[5:15]:
        notifier.publish(
            recognition(
                id=vanished.subject, version=2, type="kudos.recognition.retracted",
                status="retracted",
            )
        )  # fmt: skip
    seen: list[str] = []
    cursor = ""
    pages = 0
    while True:
        page = notifier.call("GET", f"/inbox?limit=4{cursor}", "bob").json
        seen += [item["recognition"]["message"] for item in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        assert len(page["items"]) == 4
        cursor = f"&cursor={page['next']}"
        notifier.publish(recognition(message="later"))
    assert pages == 4
    expected = [str(number) for number in range(24, -1, -1) if not 5 <= number < 15]
    # Events of one batch come in order within a partition of the log, not across partitions.
    assert sorted(seen) == sorted(expected)
    sequences = [item["sequence"] for item in notifier.inbox("bob")]
    assert sequences == sorted(sequences, reverse=True)


def test_items_are_forgotten_after_ninety_days(notifier: Notifier) -> None:
    notifier.publish(recognition(message="old"), recognition(message="older"))
    [index] = [one for one in notifier.db["inbox"].list_indexes() if "expireAfterSeconds" in one]
    assert index["key"] == {"at": 1}
    assert index["expireAfterSeconds"] == KEPT_FOR.total_seconds() == 90 * 86400
    # What is forgotten leaves a hole in the numbers, which paging passes over.
    notifier.db["inbox"].delete_many({"person": "person:bob"})
    notifier.publish(*(recognition(message="new") for _ in range(2)))
    assert messages(notifier, "bob") == ["new", "new"]
    assert [item["sequence"] for item in notifier.inbox("bob")] == [4, 3]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/inbox?limit=0", None, 422),
        ("GET", "/inbox?limit=201", None, 422),
        ("GET", "/inbox?limit=many", None, 422),
        ("GET", "/inbox?colour=red", None, 422),
        ("GET", "/inbox?cursor=nonsense", None, 400),
        ("GET", "/inbox?cursor=W10", None, 400),
        ("PATCH", "/inbox/itm_none", {"read": True}, 404),
        ("PATCH", "/inbox/itm_none", {"read": "yes"}, 422),
        ("PATCH", "/inbox/itm_none", {"read": 1}, 422),
        ("PATCH", "/inbox/itm_none", {}, 422),
        ("PATCH", "/inbox/itm_none", {"read": True, "colour": "red"}, 422),
        ("PATCH", "/inbox/itm_none", [], 422),
        ("DELETE", "/inbox", None, 405),
        ("GET", "/inbox/nothing/here", None, 404),
    ],
)
def test_bad_input_gets_its_problem(
    notifier: Notifier, method: str, path: str, body: Any, status: int
) -> None:
    options = {} if body is None else {"json": body}
    answer = notifier.call(method, path, "bob", **options)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_scopes_are_asked_for(notifier: Notifier) -> None:
    assert notifier.call("GET", "/inbox", scopes=["kudos:write"]).status_code == 403
    assert notifier.call("POST", "/inbox/read-all", scopes=["kudos:read"]).status_code == 403
    assert notifier.app.test_client().get("/notifier/v1/inbox").status_code == 401


def test_two_fan_outs_at_once_tell_everybody_once(
    notifier: Notifier, settings: Settings, client: Client
) -> None:
    events = [recognition("person:ada", ["person:bob"]) for _ in range(60)]
    logs = [open_log(settings, client) for _ in range(3)]
    followers = [follower(log, client, notifier.repository) for log in logs]
    barrier = threading.Barrier(len(followers) + 1)

    def run(fan_out: Follower[Any]) -> None:
        barrier.wait()
        while notifier.db["inbox"].count_documents({}) < len(events):
            fan_out.step()

    threads = [threading.Thread(target=run, args=(each,)) for each in followers]
    for thread in threads:
        thread.start()
    barrier.wait()
    for start in range(0, len(events), 5):
        notifier.log.append(events[start : start + 5])
    for thread in threads:
        thread.join(60)
    for fan_out, log in zip(followers, logs, strict=True):
        fan_out.close()
        log.close()
    items = list(notifier.db["inbox"].find())
    assert len(items) == len({item["recognition"] for item in items}) == len(events)
    assert sorted(item["sequence"] for item in items) == list(range(1, len(events) + 1))


def test_a_poison_event_goes_to_the_dead_letters_and_holds_nobody_up(notifier: Notifier) -> None:
    poison = recognition()
    poison.data["state"].pop("giver")
    notifier.publish(poison, recognition(message="fine"))
    assert messages(notifier, "bob") == ["fine"]
    assert isinstance(notifier.log, MongoEventLog)
    assert "kudos.recognition.v1.notifier.dlq" in notifier.log.topics()


def test_ids_that_are_there_already_do_not_stop_the_fan_out(notifier: Notifier) -> None:
    """A database that was restored in part: the rows are gone, the items are not."""
    event = recognition()
    notifier.subscribe_nowhere()
    notifier.publish(event)
    notifier.db["recognitions"].delete_many({})
    fanning = Fanning(notifier.repository)
    change = prepare(event)
    assert change is not None
    fanning.doubt()
    in_transaction(notifier.client, lambda session: fanning.apply([change], session))
    assert notifier.db["inbox"].count_documents({}) == 1
    assert notifier.db["deliveries"].count_documents({}) == 1
    assert notifier.db["recognitions"].count_documents({}) == 1


def test_events_of_a_day_ago_reach_nobody_and_of_an_hour_ago_do(notifier: Notifier) -> None:
    def ago(**back: int) -> str:
        return times.to_rfc3339(times.now() - timedelta(**back))

    notifier.publish(
        recognition(id=new_id(), at=ago(hours=25), message="old"),
        recognition(id=new_id(), at=ago(hours=23), message="recent"),
    )
    assert messages(notifier, "bob") == ["recent"]
