"""Durable POST /recognitions beside a bare Flask route that commits the same documents."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bson import Binary
from flask import Flask, Response, request

from services.recognition.app import create_app
from services.recognition.repository import FeedRepository, Outbox, RecognitionRepository
from services.recognition.service import Service
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import connect, in_transaction
from tests.bench.load import load
from tests.bench.past import import_people
from tests.bench.serving import served

PEOPLE, TEAMS = 1000, 20
BODY = json.dumps(
    {
        "kind": "thank_you",
        "giver": "person:p#P#",
        "recipients": ["person:q0002", "person:q0003"],
        "message": "Thank you for staying late to find what had broken the nightly build #N#.",
        "values": ["availability", "follow-through"],
    }
)


def suite_app(settings: Settings) -> Flask:
    """The recognition API as the launcher serves it."""
    return create_app(demo_settings(settings))


def floor_app(settings: Settings) -> Flask:
    """Bare Flask: parse, fill a template of the same document, commit it the same way, answer."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "floor")
    database = client[settings.database("floor")]
    for repository in (RecognitionRepository(database), FeedRepository(database), Outbox(database)):
        repository.ensure_indexes()
    stored = client[settings.database("recognition")]
    template = stored["recognitions"].find_one()
    waiting = stored["outbox"].find_one({"subject": template["_id"]}) if template else {}
    recognitions, ledgers, outbox = (database[n] for n in ("recognitions", "ledgers", "outbox"))
    answers = database["idempotency"]
    app = Flask("floor")

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.post("/post")
    def post() -> Response:
        asked = request.get_json()
        now = times.now()
        document = {
            **template,
            **asked,
            "_id": new_id(),
            "given_at": now,
            "created_at": now,
        }
        event = {**waiting, "_id": new_id(), "subject": document["_id"], "at": now}
        body = json.dumps({"id": document["_id"], **asked}).encode()
        key = request.headers.get("Idempotency-Key")
        has_ledger = settings.fair_play != "off"
        record = {
            "_id": hashlib.sha256((key or "").encode()).hexdigest(),
            "body": Binary(body),
            "status": 201,
            "at": now,
        }

        def commit(session: Any) -> None:
            if has_ledger:
                ledger = ledgers.find_one({"_id": asked["giver"]}, session=session) or {}
                after = {**ledger, "today": ledger.get("today", 0) + 1, "at": now}
                where = {"_id": asked["giver"]}
                ledgers.replace_one(where, after | where, upsert=True, session=session)
            recognitions.insert_one(document, session=session)
            outbox.insert_one(event, session=session)
            if key is not None:
                answers.insert_one(record, session=session)

        in_transaction(client, commit)
        return Response(body, 201, content_type="application/json")

    return app


def prepare(settings: Settings) -> None:
    """A directory, and one recognition for the floor to copy."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client:
        service = Service(settings, client)
        service.ensure_indexes()
        rows = [
            f"{letter}{number:04},Person {number},{letter}{number}@example.org,t{number % TEAMS},\n"
            for letter in "pq"
            for number in range(PEOPLE)
        ]
        import_people(service, rows)
        web = create_app(demo_settings(settings), client).test_client()
        headers = {"Authorization": f"Bearer {issue(settings, 'p0001')}"}
        answer = web.post("/recognition/v1/recognitions", json=_one(), headers=headers)
        assert answer.status_code == 201, answer.text


def _one() -> Any:
    return json.loads(BODY.replace("#P#", "0001").replace("#N#", "0"))


def run(settings: Settings, *, pairs: int, seconds: int, say: Callable[[str], None]) -> None:
    """Print requests/s of both and their ratio: two documents where fair play is off; as it is by
    default, with the giver's ledger; and with an idempotency key too."""
    from tests.bench.report import ratio_line

    prepare(settings)
    headers = {"Authorization": f"Bearer {issue(settings, 'p0001')}"}
    for mode, with_keys, name in (
        ("off", False, "POST, fair play off: two documents"),
        ("advise", False, "POST, a transaction with the ledger"),
        ("advise", True, "POST, with ledger and key"),
    ):
        chosen = replace(settings, fair_play=mode)
        with served(suite_app, chosen) as ours, served(floor_app, chosen) as floor:
            measured = []
            for _ in range(pairs):
                options = {"seconds": seconds, "body": BODY, "with_keys": with_keys}
                bare = load(f"{floor}/post", headers={}, **options)
                full = load(f"{ours}/recognition/v1/recognitions", headers=headers, **options)
                assert (bare.failures, full.failures) == (0, 0), (bare, full)
                measured.append((full.rate, bare.rate))
            say(ratio_line(name, "/s", measured, goal=0.6))
