"""Durable POST /recognitions beside a bare Flask route that commits the same documents."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from bson import Binary
from flask import Flask, Response, request

from services.recognition.app import create_app
from services.recognition.repository import RecognitionRepository
from services.recognition.service import Service
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import connect, in_transaction
from tests.bench.load import load
from tests.bench.serving import served

PEOPLE, TEAMS = 1000, 20
BODY = json.dumps(
    {
        "kind": "thank_you",
        "recipients": ["person:p0002", "person:p0003"],
        "message": "Thank you for staying late to find what had broken the nightly build.",
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
    RecognitionRepository(database).ensure_indexes()
    template = client[settings.database("recognition")]["recognitions"].find_one()
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
            "outbox_since": now,
        }
        body = json.dumps({"id": document["_id"], **asked}).encode()
        key = request.headers.get("Idempotency-Key")
        if key is None:
            database["recognitions"].insert_one(document)
        else:
            record = {
                "_id": hashlib.sha256(key.encode()).hexdigest(),
                "body": Binary(body),
                "status": 201,
                "at": now,
            }

            def commit(session: Any) -> None:
                database["recognitions"].insert_one(document, session=session)
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
            f"p{number:04},Person {number},p{number}@example.org,t{number % TEAMS},\n"
            for number in range(PEOPLE)
        ]
        csv = "id,name,email,team,manager\n" + "".join(rows)
        service.directory.import_csv(csv.encode(), by=None, dry_run=False)
        web = create_app(demo_settings(settings), client).test_client()
        headers = {"Authorization": f"Bearer {issue(settings, 'p0001')}"}
        answer = web.post("/recognition/v1/recognitions", json=json.loads(BODY), headers=headers)
        assert answer.status_code == 201, answer.text


def run(settings: Settings, *, pairs: int, seconds: int, say: Callable[[str], None]) -> None:
    """Print requests/s of both and their ratio, without and with idempotency keys."""
    from tests.bench.report import ratio_line

    prepare(settings)
    headers = {"Authorization": f"Bearer {issue(settings, 'p0001')}"}
    with served(suite_app, settings) as ours, served(floor_app, settings) as floor:
        for with_keys, name in ((False, "POST, one document"), (True, "POST with a key")):
            measured = []
            for _ in range(pairs):
                options = {"seconds": seconds, "body": BODY, "with_keys": with_keys}
                bare = load(f"{floor}/post", headers={}, **options)
                full = load(f"{ours}/recognition/v1/recognitions", headers=headers, **options)
                assert (bare.failures, full.failures) == (0, 0), (bare, full)
                measured.append((full.rate, bare.rate))
            say(ratio_line(name, "/s", measured, goal=0.6))
