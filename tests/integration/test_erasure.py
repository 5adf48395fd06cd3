"""Erasure over all services: afterwards nothing of the person is left in any collection."""

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared import times
from shared.config import Settings
from shared.eventlog.dead_letters import dead_letters, set_aside
from shared.events import RECOGNITION
from shared.mongo import Client
from tests.erasure_parts import Privacy
from tests.recognition_parts import please, thanks

MARK = "marker-of-zoe"
PERSONAL = {
    "recognition": "recognitions comments directory reports audit idempotency api_keys",
    "leaderboard": "directory api_keys milestones",
    "notifier": "directory recognitions inbox inbox_heads stream_tickets deliveries events "
    "webhooks attempts audit messages api_keys",
}
PEOPLE = f"""id,name,email,team,manager,partner
zoe,Zoe {MARK},{MARK}@example.org,core,grace,
yan,Yan,yan@example.org,core,zoe,
root,Root,root@example.org,core,,
"""


@pytest.fixture
def services(settings: Settings, client: Client) -> Iterator[Privacy]:
    services = Privacy(settings, client)
    services.recognition.call("POST", "/directory/imports", data=PEOPLE, content_type="text/csv")
    yield services
    services.close()


def say(services: Privacy, path: str, as_: str = "zoe", method: str = "POST", **more: Any) -> Any:
    answer = services.recognition.call(method, path, as_, **more)
    assert answer.status_code < 300, (path, answer.text)
    return answer.json


def plant(services: Privacy) -> dict[str, str]:
    """Leave something of Zoe wherever something of a person may be; ids by what it is."""
    core = services.recognition
    key = {"Idempotency-Key": "zoes-key"}
    message = f"Thank you, {MARK}"
    thanked = say(
        services,
        "/recognitions",
        json=thanks(message=message, link=f"https://{MARK}.example/"),
        headers=key,
    )
    to_her = core.made("bob", recipients=["zoe"], message=f"Dear {MARK}")
    to_several = core.made("bob", recipients=["zoe", "yan"], message="You two are great")
    of_others = core.made("bob", message="Nothing to do with her")
    say(services, f"/recognitions/{of_others['id']}/comments", json={"message": f"I say {MARK}"})
    say(services, f"/recognitions/{of_others['id']}/reactions/👏", method="PUT")
    say(services, f"/recognitions/{of_others['id']}/reports", json={"reason": f"because {MARK}"})
    changed = f"Otherwise {MARK}"
    say(
        services,
        f"/recognitions/{thanked['id']}",
        method="PATCH",
        json={"message": changed},
        headers={"If-Match": '"1"'},
    )
    asked = core.made("bob", **please(recipients=["zoe"]))
    say(
        services,
        f"/recognitions/{asked['id']}/promise",
        json={"due_at": times.to_rfc3339(times.now() + timedelta(days=5)), "note": f"I, {MARK}"},
    )
    declined = core.made("bob", **please(recipients=["zoe", "yan"], message="Who can?"))
    say(services, f"/recognitions/{declined['id']}/decline", json={"reason": f"No {MARK}"})
    hers = core.made("zoe", **please(recipients=["yan"], message=f"Help {MARK}"))
    hidden = core.made("yan", message="Unseemly")
    say(
        services,
        f"/recognitions/{hidden['id']}/moderation",
        json={"action": "hide", "reason": f"for {MARK}"},
    )
    say(services, f"/recognitions/{to_several['id']}/comments", "yan", json={"message": "Yes"})
    echo = core.made("yan", echoes=thanked["id"], message="Me too", recipients=["grace"])
    key_token = core.key("kudos:read", person="zoe", name=f"key {MARK}")
    core.with_key(key_token, "GET", "/me")
    services.notifier.subscribe(f"https://192.0.43.8/{MARK}", "zoe", description=MARK)
    services.notifier.subscribe("https://192.0.43.8/hook", "yan")
    told = {"owner": "person:zoe", "data": {"endpoint": {"url": MARK}}, "change": {"by": None}}
    services.notifier.db["events"].insert_one({"_id": "evt", "recognition": None, **told})
    services.notifier.db["audit"].insert_one({"_id": "aud", "by": "key:1 for person:zoe"})
    services.notifier.db["messages"].insert_one({"_id": "msg", "person": "person:zoe"})
    services.notifier.call("POST", "/stream/tickets", "zoe")
    services.spread()
    services.notifier.db["attempts"].insert_one(
        {
            "_id": "att",
            "endpoint": "e",
            "at": times.now(),
            "answer": MARK,
            "sent": {"body": f'{{"giver":"person:zoe","message":"{MARK}"}}'},
        }
    )
    reader = services.log.reader([RECOGNITION], services.log.starts([RECOGNITION]))
    for record in reader.poll(500, 1.0):
        if record.key in (thanked["id"], of_others["id"]):
            set_aside(services.log, "leaderboard", record, "for the test")
    reader.close()
    ids = {"thanked": thanked, "to_her": to_her, "to_several": to_several, "asked": asked}
    ids |= {"of_others": of_others, "hers": hers, "echo": echo, "declined": declined}
    return {name: one["id"] for name, one in ids.items()}


def read(services: Privacy, recognition_id: str) -> Any:
    return services.recognition.call("GET", f"/recognitions/{recognition_id}", "root").json


def test_nothing_of_the_person_is_left_in_any_collection_of_any_service(services: Privacy) -> None:
    plant(services)
    planted = {
        (where.rpartition("_")[2], what)
        for where, what, _ in services.found("zoe", MARK, without_log=True)
    }
    assert planted >= {(name, each) for name, all_ in PERSONAL.items() for each in all_.split()}
    view = services.erase("zoe")
    assert view["services"].keys() == {"recognition", "leaderboard", "notifier"}
    assert all(view["services"].values())
    left = services.found("zoe", MARK, without_log=True)
    assert left == []
    services.log.trim(times.now() + timedelta(seconds=1))
    assert services.found("zoe", MARK) == [], "once the log has forgotten"


def test_counts_stay_and_the_alias_stands_for_the_person(services: Privacy) -> None:
    ids = plant(services)
    before = services.leaderboard.board("given", period="all", as_="root")
    view = services.erase("zoe")
    services.leaderboard.restart_web()
    after = services.leaderboard.board("given", period="all", as_="root")
    teams = [services.leaderboard.board("given", period="all", by="teams", as_="root")["entries"]]
    assert sum(each["score"] for each in teams[0]) >= sum(
        each["score"] for each in before["entries"]
    )
    scores = {each["subject"]: each["score"] for each in after["entries"]}
    assert "person:zoe" not in scores
    assert read(services, ids["thanked"])["giver"] == view["alias"]
    assert read(services, ids["thanked"])["message"] == "[erased]"
    assert read(services, ids["to_her"])["recipients"] == [view["alias"]]
    assert read(services, ids["to_several"])["message"] == "You two are great"
    assert read(services, ids["to_several"])["recipients"] == [view["alias"], "person:yan"]
    assert read(services, ids["of_others"])["reactions"] == {"👏": 1}
    assert read(services, ids["of_others"])["comment_count"] == 1
    assert read(services, ids["echo"])["echoes"] == ids["thanked"]
    assert (read(services, ids["asked"])["status"], read(services, ids["asked"])["promise"]) == (
        "open",
        None,
    )
    assert read(services, ids["hers"])["status"] == "withdrawn"
    people = read(services, ids["thanked"])["people"]
    assert people[view["alias"]]["name"] == "Erased person"
    managed = services.recognition.call("GET", "/people/yan", "root").json
    assert managed["manager"] is None


def test_the_name_and_the_place_on_boards_are_gone_at_once(services: Privacy) -> None:
    """Long before the stores are cleared, which waits for requests that are in flight."""
    services.clock.now = times.now()
    plant(services)
    boards = services.leaderboard
    assert "person:zoe" in {
        each["subject"] for each in boards.board("given", as_="root")["entries"]
    }
    services.recognition.call("POST", "/people/zoe/erasure", "root")
    services.step_all()
    boards.restart_web()
    board = boards.board("given", as_="root")
    assert "person:zoe" not in {each["subject"] for each in board["entries"]}
    assert MARK not in boards.get("/people/zoe/standing", as_="root").text
    for db in (boards.db, services.notifier.db):
        entry = db["directory"].find_one({"_id": "person:zoe"})
        assert entry is not None
        assert (entry["name"], entry["active"], entry["email"]) == ("Erased person", False, None)


def test_processes_that_answer_forget_the_name(services: Privacy) -> None:
    plant(services)
    services.leaderboard.restart_web()
    shown = services.leaderboard.get("/people/zoe/standing", as_="yan")
    assert shown.status_code == 200
    assert MARK in shown.text
    web = services.leaderboard.web
    services.erase("zoe")
    services.leaderboard.web = web
    assert services.leaderboard.get("/people/zoe/standing", as_="yan").status_code == 404


def test_each_rewritten_recognition_has_one_version_and_one_event_more(services: Privacy) -> None:
    ids = plant(services)
    before = {one: read(services, one)["version"] for one in ids.values()}
    services.erase("zoe")
    grown = {name: read(services, one)["version"] - before[one] for name, one in ids.items()}
    once = dict.fromkeys(("thanked", "to_her", "to_several", "of_others", "declined"), 1)
    assert grown == {**once, "asked": 2, "hers": 2, "echo": 0}
    events = [
        record.event.type
        for record in everything_in(services)
        if record.event and record.event.subject == ids["asked"]
    ]
    assert events[-2:] == ["kudos.recognition.released", "kudos.recognition.erased"]


def everything_in(services: Privacy) -> list[Any]:
    reader = services.log.reader([RECOGNITION], services.log.starts([RECOGNITION]))
    records = []
    while found := reader.poll(500, 0.5):
        records += found
    reader.close()
    return records


def test_dead_letters_about_the_person_go_and_others_stay(services: Privacy) -> None:
    plant(services)
    other = services.recognition.made("bob", message="Another")
    services.spread()
    for record in everything_in(services):
        if record.key == other["id"]:
            set_aside(services.log, "leaderboard", record, "for the test")
    services.erase("zoe")
    left = dead_letters(services.log)
    assert other["id"] in {letter.key for letter in left}
    assert [letter for letter in left if MARK.encode() in letter.value] == []
    assert [letter for letter in left if b"person:zoe" in letter.value] == []


def test_whoever_was_erased_cannot_come_back(services: Privacy) -> None:
    services.erase("zoe")
    core = services.recognition
    for as_root in (
        core.call(
            "PUT", "/people/zoe", "root", json={"name": "Zoe"}, headers={"If-None-Match": "*"}
        ),
        core.call("POST", "/directory/imports", "root", data=PEOPLE, content_type="text/csv"),
    ):
        assert as_root.status_code == 422, as_root.text
        assert "was erased" in as_root.text
    assert (
        core.call("POST", "/recognitions", "bob", json=thanks(recipients=["zoe"])).status_code
        == 422
    )
    past = {"giver": "zoe", "source": "s", "external_id": "1", "given_at": "2020-01-01T00:00:00Z"}
    line = json.dumps(thanks(recipients=["bob"], **past))
    imported = core.call("POST", "/imports", "root", data=line, content_type="application/x-ndjson")
    assert json.loads(imported.data)["status"] == "refused", imported.text
    assert core.call("GET", "/me", "zoe").status_code == 403, "their token is still valid"
    assert services.notifier.call("GET", "/inbox", "zoe").status_code == 403
    assert services.leaderboard.get("/boards", as_="zoe").status_code == 403


def test_asking_twice_is_one_erasure(services: Privacy) -> None:
    first = services.recognition.call("POST", "/people/zoe/erasure", "root")
    again = services.recognition.call("POST", "/people/zoe/erasure", "root")
    assert first.json == again.json
    assert first.headers["Location"] == f"/recognition/v1/erasures/{first.json['id']}"
    assert first.json["status"] == "running"
    done = services.until_done(first.json["id"])
    assert services.recognition.call("POST", "/people/zoe/erasure", "root").json == done


@pytest.mark.parametrize("person", ["nobody", "team:core", "NO SUCH"])
def test_who_is_not_there_cannot_be_erased(services: Privacy, person: str) -> None:
    assert services.recognition.call("POST", f"/people/{person}/erasure", "root").status_code == 404


def test_nothing_is_rewritten_while_requests_of_theirs_may_be_in_flight(services: Privacy) -> None:
    services.clock.now = times.now()
    asked = services.recognition.call("POST", "/people/zoe/erasure", "root").json
    services.step_all()
    stored = services.recognition.db["erasures"].find_one({"_id": asked["id"]})
    assert stored is not None
    assert stored["stage"] == "requested"
    services.clock.pass_(seconds=60)
    assert services.until_done(asked["id"])["status"] == "done"


def test_a_service_that_does_not_answer_is_asked_again(services: Privacy) -> None:
    asked = services.recognition.call("POST", "/people/zoe/erasure", "root").json
    for _ in range(3):
        services.spread()
        worker = services.worker()
        worker.step()
        services.close_worker(worker)
    for service in ("leaderboard", "notifier"):
        services.client[services.settings.database(service)]["privacy_requests"].delete_many({})
    services.log.cut(services.log.ends(["kudos.privacy.v1"]))
    services.clock.pass_(hours=2)
    assert services.until_done(asked["id"])["status"] == "done"


@pytest.mark.parametrize("stage", ["_clear_stores", "_ask", "_rewrite"])
def test_a_death_at_any_stage_is_made_good_by_the_next_worker(
    services: Privacy, stage: str
) -> None:
    plant(services)
    asked = services.recognition.call("POST", "/people/zoe/erasure", "root").json
    for _ in range(4):
        worker = services.worker()
        die_at_the_second(worker, stage)
        with contextlib.suppress(KeyboardInterrupt):
            worker.step()
        services.close_worker(worker)
        services.spread()
    assert services.until_done(asked["id"])["status"] == "done"
    assert services.found("zoe", MARK, without_log=True) == []


def die_at_the_second(worker: Any, method: str) -> None:
    """Let a worker die after it has done something once, when it is to do it again."""
    done, real = [], getattr(worker._erasing, method)

    def die(*arguments: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments)

    setattr(worker._erasing, method, die)


def test_a_late_event_brings_nobody_back(services: Privacy) -> None:
    services.spread()
    held = [record for record in everything_of_directory(services) if record.key == "person:zoe"]
    services.erase("zoe")
    for service in ("leaderboard", "notifier"):
        db = services.client[services.settings.database(service)]
        assert db["directory"].find_one({"_id": "person:zoe"}) is None
    assert held
    services.log.append([record.event for record in held if record.event])
    services.spread()
    for service in ("leaderboard", "notifier"):
        db = services.client[services.settings.database(service)]
        assert db["directory"].find_one({"_id": "person:zoe"}) is None


def everything_of_directory(services: Privacy) -> list[Any]:
    reader = services.log.reader(["kudos.directory.v1"], {})
    records = []
    while found := reader.poll(500, 0.5):
        records += found
    reader.close()
    return records
