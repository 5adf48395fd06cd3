"""Live streams: what is told, to whom, from where on, and when it ends."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared import times
from shared.auth.api_keys import new_key
from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import Client
from tests import gateway as gateways
from tests.conftest import free_port
from tests.notifier_parts import Notifier, person, recognition, wait_until
from tests.streams import Serving, Stream, close_all, process, serving


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(replace(settings, cors_origins=("https://intranet.example",)), client)
    yield notifier
    close_all()
    notifier.close()


@pytest.fixture
def server(notifier: Notifier) -> Iterator[Serving]:
    with serving(notifier.settings, notifier.client) as server:
        yield server


def token(notifier: Notifier, as_: str, **options: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(notifier.settings, as_, **options)}"}


def listen(
    notifier: Notifier, server: Serving, as_: str = "bob", after: int | None = None, **options: Any
) -> Stream:
    headers = token(notifier, as_)
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    return Stream(server.port, headers=headers, **options).opened()


def ticket(notifier: Notifier, as_: str = "bob") -> str:
    answer = notifier.call("POST", "/stream/tickets", as_)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json["ticket"])


# --- what is told --------------------------------------------------------------------------------


def test_an_item_comes_as_the_inbox_shows_it(notifier: Notifier, server: Serving) -> None:
    stream = listen(notifier, server)
    assert stream.answered["Content-Type"] == "text/event-stream"
    assert stream.answered["Cache-Control"] == "no-store"
    assert (stream.begin.id, stream.begin.data) == (0, {"unread": 0})

    notifier.publish(person("person:ada", name="Ada L"), recognition(message="Line\nbreak ✨"))

    told = stream.named("item")
    page = notifier.call("GET", "/inbox", "bob").json
    assert told.id == 1
    assert told.data == {**page["items"][0], "people": page["people"], "unread": 1}
    assert told.data["people"]["person:ada"]["name"] == "Ada L"
    assert told.data["link"].endswith(
        f"/recognition/v1/recognitions/{told.data['recognition']['id']}"
    )


def test_everybody_gets_their_own(notifier: Notifier, server: Serving) -> None:
    bob, other = listen(notifier, server), listen(notifier, server)
    cy = listen(notifier, server, "cy")
    both = recognition("person:ada", ["person:bob", "person:cy"], reactions={"👏": ["person:cy"]})
    notifier.publish(both)
    notifier.publish(recognition(message="bob's"))
    notifier.publish(recognition("person:ada", ["person:cy"], message="cy's"))
    for stream in (bob, other):
        first, second = stream.named("item"), stream.named("item")
        assert first.data["recognition"]["my_reactions"] == []
        assert (first.id, second.id, second.data["unread"]) == (1, 2, 2)
        assert second.data["recognition"]["message"] == "bob's"
    first, second = cy.named("item"), cy.named("item")
    assert first.data["recognition"]["my_reactions"] == ["👏"]
    assert second.data["recognition"]["message"] == "cy's"


def test_a_new_name_is_told_at_once(notifier: Notifier, server: Serving) -> None:
    stream = listen(notifier, server)
    for version, name in enumerate(("Ada L", "Ada K", "Ada"), 1):
        notifier.publish(person("person:ada", version=version, name=name), recognition())
        assert stream.named("item").data["people"]["person:ada"]["name"] == name


def test_what_is_read_elsewhere_changes_the_number_of_unread(
    notifier: Notifier, server: Serving
) -> None:
    notifier.publish(*(recognition() for _ in range(3)))
    stream = listen(notifier, server)
    assert stream.begin.data == {"unread": 3}
    item = notifier.inbox("bob")[0]
    for read, unread in ((True, 2), (False, 3)):
        notifier.call("PATCH", f"/inbox/{item['id']}", "bob", json={"read": read})
        told = stream.named("unread")
        assert (told.id, told.data) == (None, {"unread": unread})
    notifier.publish(
        recognition(
            id=item["recognition"]["id"], version=2, type="kudos.recognition.retracted",
            status="retracted",
        )
    )  # fmt: skip
    assert stream.named("unread").data == {"unread": 2}
    notifier.call("POST", "/inbox/read-all", "bob")
    while (told := stream.named("unread")).data["unread"] > 0:
        pass
    notifier.publish(recognition())
    assert stream.named("item").data["unread"] == 1


def test_an_item_that_moves_to_a_new_number_is_told_again_and_counted_once(
    notifier: Notifier, server: Serving
) -> None:
    """As an item does into which a further comment is folded."""
    stream = listen(notifier, server)
    notifier.publish(recognition(), recognition())
    assert [stream.named("item").data["unread"] for _ in range(2)] == [1, 2]
    for number in (3, 4):
        item = notifier.db["inbox"].find_one({"person": "person:bob", "sequence": {"$lt": number}})
        notifier.db["inbox"].replace_one(
            {"_id": item["_id"]}, {**item, "sequence": number, "by": "person:eve"}
        )
        notifier.db["inbox_heads"].replace_one({"_id": "person:bob"}, {"sequence": number})
        told = stream.named("item")
        assert (told.id, told.data["unread"]) == (number, 2)
        assert "person:eve" in told.data["people"]


def test_what_may_not_be_read_is_left_out(notifier: Notifier, server: Serving) -> None:
    notifier.publish(person("person:bob", team="team:core"))
    stream = listen(notifier, server)
    notifier.publish(
        person("person:bob", version=2, team="team:other"),
        recognition("person:ada", ["team:core"], visibility="private", message="core only"),
    )
    taken_out = recognition("person:ada", ["person:bob", "person:cy"], visibility="private")
    gone = recognition(
        "person:ada", ["person:cy"], id=taken_out.subject, version=2, visibility="private",
        type="kudos.recognition.amended",
    )  # fmt: skip
    notifier.publish(taken_out, gone)
    notifier.publish(recognition(message="for bob"))
    assert stream.named("item").data["recognition"]["message"] == "for bob"


# --- from where on -------------------------------------------------------------------------------


def test_it_goes_on_where_the_client_was(notifier: Notifier, server: Serving) -> None:
    notifier.publish(*(recognition(message=str(number)) for number in range(450)))
    stream = listen(notifier, server, after=3)
    assert stream.begin.id == 3
    assert [stream.named("item").id for _ in range(447)] == list(range(4, 451))
    notifier.publish(recognition(message="new"))
    assert stream.named("item").data["recognition"]["message"] == "new"


def test_the_header_says_more_than_the_address(notifier: Notifier, server: Serving) -> None:
    notifier.publish(*(recognition() for _ in range(5)))
    headers = {**token(notifier, "bob"), "Last-Event-ID": "4"}
    stream = Stream(server.port, "?last_event_id=1", headers).opened()
    assert stream.named("item").id == 5


def test_a_number_not_reached_yet_means_from_now_on(notifier: Notifier, server: Serving) -> None:
    notifier.publish(recognition())
    stream = listen(notifier, server, after=99)
    assert stream.begin.id == 1
    notifier.publish(recognition())
    assert stream.named("item").id == 2


def test_what_the_watcher_missed_comes_with_a_heartbeat(notifier: Notifier) -> None:
    with serving(notifier.settings, notifier.client, heartbeat_seconds=0.3) as server:
        stream = listen(notifier, server)
        server.server._watcher._on_change = lambda _change: None
        notifier.publish(recognition(), recognition())
        assert [stream.named("item").id for _ in range(2)] == [1, 2]


# --- tickets -------------------------------------------------------------------------------------


def test_a_ticket_is_good_once(notifier: Notifier, server: Serving) -> None:
    text = ticket(notifier)
    notifier.publish(recognition())
    stream = Stream(server.port, f"?ticket={text}&last_event_id=0").opened()
    assert stream.named("item").id == 1
    again = Stream(server.port, f"?ticket={text}&last_event_id=0")
    assert again.status == 401
    assert "used already" in again.problem()["detail"]


def test_a_ticket_is_good_once_over_servers(notifier: Notifier, server: Serving) -> None:
    with serving(notifier.settings, notifier.client) as other:
        for _ in range(10):
            text = ticket(notifier)
            streams = [Stream(port, f"?ticket={text}") for port in (server.port, other.port) * 3]
            assert sorted(each.status for each in streams) == [200, *[401] * 5]
            for each in streams:
                each.close()


def test_a_ticket_grows_old(notifier: Notifier, server: Serving) -> None:
    text = ticket(notifier)
    stored = notifier.db["stream_tickets"].find_one()
    assert text not in str(stored)
    past = stored["expires_at"].replace(year=2020)
    notifier.db["stream_tickets"].update_one({}, {"$set": {"expires_at": past}})
    late = Stream(server.port, f"?ticket={text}")
    assert late.status == 401
    assert "too old" in late.problem()["detail"] or "no such" in late.problem()["detail"]


def test_a_ticket_of_who_left_is_worth_nothing(notifier: Notifier, server: Serving) -> None:
    notifier.publish(person("person:bob"))
    text = ticket(notifier)
    notifier.publish(person("person:bob", version=2, active=False))
    assert Stream(server.port, f"?ticket={text}").status == 403


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers", "status", "word"),
    [
        ("", {}, 401, "Authorization"),
        ("", {"Authorization": "Bearer nonsense"}, 401, "JWT"),
        ("", {"Authorization": "Basic Ym9iOmJvYg=="}, 401, "Bearer"),
        ("?ticket=nonsense", {}, 401, "ticket"),
        ("?ticket=", {}, 401, "ticket"),
        ("?ticket=tkt_x", {"token": "bob"}, 400, "not both"),
        ("?last_event_id=x", {"token": "bob"}, 422, "last_event_id"),
        ("?last_event_id=-1", {"token": "bob"}, 422, "last_event_id"),
        ("", {"token": "bob", "Last-Event-ID": "1.5"}, 422, "Last-Event-ID"),
        ("?colour=red", {"token": "bob"}, 422, "colour"),
        ("", {"token": "bob", "Broken header": "x"}, 400, "header field"),
        ("", {"token": "bob", "X-Long": "x" * 70_000}, 431, "bytes"),
    ],
)
def test_bad_input_gets_its_problem(
    notifier: Notifier,
    server: Serving,
    query: str,
    headers: dict[str, str],
    status: int,
    word: str,
) -> None:
    if as_ := headers.get("token"):
        headers = {**headers, **token(notifier, as_)}
        del headers["token"]
    answer = Stream(server.port, query, headers)
    assert answer.status == status
    assert answer.answered["Content-Type"] == "application/problem+json"
    assert answer.answered["X-Content-Type-Options"] == "nosniff"
    problem = answer.problem()
    assert problem["status"] == status
    assert word in str(problem)
    if status == 401:
        assert "WWW-Authenticate" in answer.answered


def test_scopes_are_asked_for(notifier: Notifier, server: Serving) -> None:
    refused = Stream(server.port, headers=token(notifier, "bob", scopes=["kudos:write"]))
    assert refused.status == 403
    assert refused.problem()["required_scopes"] == ["kudos:read"]
    answer = notifier.call("POST", "/stream/tickets", "bob", scopes=["kudos:write"])
    assert answer.status_code == 403


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("DELETE", 405), ("HEAD", 200)])
def test_methods(notifier: Notifier, server: Serving, method: str, status: int) -> None:
    answer = Stream(server.port, headers=token(notifier, "bob"), method=method)
    assert answer.status == status
    assert method == "HEAD" or answer.answered["Allow"] == "GET, HEAD, OPTIONS"


def test_what_is_no_http_and_what_never_comes(server: Serving) -> None:
    assert Stream(server.port, method="get").status == 400
    assert Stream(server.port, path="/elsewhere").status == 404


def test_pages_of_named_origins_may_read_it(notifier: Notifier, server: Serving) -> None:
    page = {"Origin": "https://intranet.example"}
    preflight = Stream(
        server.port,
        method="OPTIONS",
        headers={**page, "Access-Control-Request-Method": "GET"},
    )
    assert preflight.status == 204
    assert "Last-Event-ID" in preflight.answered["Access-Control-Allow-Headers"]
    stream = Stream(server.port, headers={**token(notifier, "bob"), **page})
    assert stream.answered["Access-Control-Allow-Origin"] == "https://intranet.example"
    refused = Stream(server.port, headers=page)
    assert refused.status == 401
    assert refused.answered["Access-Control-Allow-Origin"] == "https://intranet.example"
    other = Stream(server.port, headers={"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in other.answered


def test_a_person_has_so_many_streams(notifier: Notifier, server: Serving) -> None:
    streams = [listen(notifier, server) for _ in range(20)]
    refused = Stream(server.port, headers=token(notifier, "bob"))
    assert refused.status == 429
    assert int(refused.answered["Retry-After"]) > 0
    listen(notifier, server, "cy")
    streams.pop().close()
    wait_until(lambda: Stream(server.port, headers=token(notifier, "bob")).status == 200)


# --- the end -------------------------------------------------------------------------------------


def test_heartbeats_keep_it_open(notifier: Notifier) -> None:
    with serving(notifier.settings, notifier.client, heartbeat_seconds=0.2) as server:
        stream = listen(notifier, server)
        beats = [stream.next() for _ in range(3)]
    assert [beat.comment for beat in beats if beat] == ["", "", ""]


def test_it_ends_with_the_token(notifier: Notifier, server: Serving) -> None:
    listen(notifier, server, "cy")  # what verifies tokens is loaded with the first
    headers = token(notifier, "bob", ttl_seconds=4)
    began = time.monotonic()
    stream = Stream(server.port, headers=headers).opened()
    text = notifier.app.test_client().post("/notifier/v1/stream/tickets", headers=headers)
    by_ticket = Stream(server.port, f"?ticket={text.json['ticket']}").opened()
    for each in (stream, by_ticket):
        assert each.named("end").data == {"reason": "token_expired"}
        assert each.next() is None
    assert time.monotonic() - began < 10


def test_it_ends_for_who_leaves_and_who_is_erased(notifier: Notifier, server: Serving) -> None:
    notifier.publish(person("person:bob"), person("person:cy"))
    bob, cy = listen(notifier, server), listen(notifier, server, "cy")
    notifier.publish(person("person:bob", version=2, active=False))
    assert bob.named("end").data == {"reason": "access_ended"}
    assert bob.next() is None
    notifier.publish(recognition("person:ada", ["person:bob", "person:cy"]))
    assert cy.named("item").id == 1


def test_it_ends_when_the_server_stops_and_the_client_goes_on_elsewhere(
    notifier: Notifier, server: Serving
) -> None:
    stream = listen(notifier, server)
    notifier.publish(recognition())
    last = stream.named("item").id
    server.stop()
    told = stream.next()
    assert told is not None
    assert told.retry is not None
    assert 200 <= told.retry <= 3000
    assert stream.next() is None
    notifier.publish(recognition())
    with serving(notifier.settings, notifier.client) as other:
        assert listen(notifier, other, after=last).named("item").id == 2


def test_it_ends_when_the_key_is_revoked(notifier: Notifier, server: Serving) -> None:
    identifier, text, kept = new_key()
    state = {"_id": identifier, "hash": kept, "scopes": ["kudos:read"], "person": "person:bob",
             "on_behalf_of": False, "revoked_at": None, "version": 1}  # fmt: skip
    notifier.db["api_keys"].insert_one(state)
    stream = Stream(server.port, headers={"Authorization": f"Bearer {text}"}).opened()
    other = listen(notifier, server)
    revoked = {**state, "revoked_at": times.now(), "version": 2}
    notifier.db["api_keys"].replace_one({"_id": identifier}, revoked)
    assert stream.named("end").data == {"reason": "access_ended"}
    assert stream.next() is None
    notifier.publish(recognition())
    assert other.named("item").id == 1


def test_a_process_stops_when_it_is_told_to_and_says_so_to_its_clients(
    notifier: Notifier,
) -> None:
    port = free_port()
    with process(notifier.settings, port) as running:
        stream = Stream(port, headers=token(notifier, "bob")).opened()
        running.send_signal(signal.SIGTERM)
        told = stream.next()
        assert told is not None
        assert told.retry is not None
        assert stream.next() is None
        assert running.wait(10) == 0


def test_a_process_imports_no_web_framework() -> None:
    """It would take tens of megabytes."""
    check = (
        "import sys, services.notifier.streams.process;"
        "print([m for m in ('flask', 'flask_smorest', 'gunicorn', 'kafka', 'marshmallow', "
        "'joserfc', 'cryptography') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", "from shared.footprint import spare_unused_modules;"
         f"spare_unused_modules();{check}"], capture_output=True, check=True,
    )  # fmt: skip
    assert out.stdout.decode().strip() == "[]"


@pytest.mark.skipif(gateways.program() is None, reason="install nginx (Debian: nginx-light)")
def test_nginx_passes_it_on_as_it_comes(
    notifier: Notifier, server: Serving, tmp_path: Path
) -> None:
    ports = dict.fromkeys(("recognition", "leaderboard", "notifier"), free_port())
    with gateways.gateway(
        tmp_path, free_port(), free_port(), {**ports, "streams": server.port}
    ) as url:
        headers = {**token(notifier, "bob"), "Connection": "close"}
        stream = Stream(int(url.rpartition(":")[2]), headers=headers).opened()
        notifier.publish(recognition())
        assert stream.named("item").id == 1
        assert Stream(stream.port).status == 401
        server.stop()
        told = stream.next()
        assert told is not None
        assert told.retry is not None
        assert stream.next() is None


# --- where no process serves streams -------------------------------------------------------------


def answered(notifier: Notifier, after: int | None = None, query: str = "") -> str:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    answer = notifier.call("GET", f"/stream{query}", "bob", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/event-stream"
    return str(answer.text)


def test_the_api_answers_what_is_new_and_lets_the_client_come_back(notifier: Notifier) -> None:
    assert answered(notifier) == (
        'retry: 3000\n\nid: 0\nevent: unread\ndata: {"unread":0}\n\nid: 0\n\n'
    )
    notifier.publish(*(recognition() for _ in range(250)))
    first = answered(notifier, 0)
    assert first.startswith("retry: 0\n")  # there is more at once
    assert re.findall(r"id: (\d+)\nevent: item", first) == [str(n) for n in range(1, 201)]
    second = answered(notifier, 200)
    assert second.startswith("retry: 3000\n")
    assert re.findall(r"id: (\d+)\nevent: item", second) == [str(n) for n in range(201, 251)]
    assert "event: item" not in answered(notifier, 250)
    assert "event: item" not in answered(notifier, 9999)
    assert second.endswith("\n\nid: 250\n\n")


def test_the_api_takes_tickets_and_refuses_as_streams_do(notifier: Notifier) -> None:
    text, web = ticket(notifier), notifier.app.test_client()
    path = f"/notifier/v1/stream?ticket={text}"
    assert web.get(path).status_code == 200
    assert web.get(path).status_code == 401
    assert web.get("/notifier/v1/stream").status_code == 401
    assert notifier.call("GET", "/stream?last_event_id=x", "bob").status_code == 422
    assert notifier.call("GET", "/stream?colour=red", "bob").status_code == 422
    assert notifier.call("GET", "/stream", "bob", scopes=["kudos:write"]).status_code == 403
    assert notifier.call("GET", f"/stream?ticket={ticket(notifier)}", "bob").status_code == 400
