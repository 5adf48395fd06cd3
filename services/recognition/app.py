"""The composition root of the recognition API."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from flask import Flask, Response, request
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.recognition.api import (
    acts,
    conversation,
    directory,
    keys,
    me,
    moderation,
    privacy,
    recognitions,
    service_levels,
    transfer,
    values,
)
from services.recognition.domain.refusal import NotYours, Refusal, WrongState
from services.recognition.repository.recognitions import MovedOn
from services.recognition.service import Service
from shared import mongo, times
from shared.auth.authenticator import Authenticator
from shared.auth.tokens import JwtVerifier
from shared.config import Settings
from shared.erased import inactive_when_erased
from shared.key_uses import KeyUses
from shared.nudges import KEYS, OUTBOX, Nudges
from shared.web.app import create_service_app
from shared.web.errors import answer
from shared.web.problems import Conflict, Forbidden, Unavailable, Unprocessable

Document = dict[str, Any]
_RACED = "Others are changing this just now: try again"
BLUEPRINTS = (
    recognitions.blueprint,
    acts.blueprint,
    conversation.blueprint,
    moderation.blueprint,
    me.blueprint,
    directory.blueprint,
    values.blueprint,
    service_levels.blueprint,
    transfer.blueprint,
    keys.blueprint,
    privacy.blueprint,
)


def create_app(
    settings: Settings,
    client: MongoClient[Document] | None = None,
    now: Callable[[], datetime] = times.now,
) -> Flask:
    """The WSGI application; call it after the process has forked.

    Without a `client` it connects to `settings.mongo_uri`. `now` is the clock. Raises ConfigError
    when the database cannot be used.
    """
    if client is None:
        assert settings.mongo_uri is not None
        client = mongo.connect(settings.mongo_uri, "kudos-recognition")
        mongo.require_transactions(client)
    service = Service(settings, client, now)
    service.ensure_indexes()
    app = create_service_app(
        "recognition",
        "Kudos: recognition",
        settings,
        BLUEPRINTS,
        authenticator=Authenticator(
            settings,
            JwtVerifier(settings),
            find_entry=inactive_when_erased(service.stored_directory.get, service.erased),
            find_by_email=service.stored_directory.find_by_email,
            find_key=service.stored_keys.get,
            note_use=KeyUses(service.stored_keys.note_use).note,
        ),
        readiness=lambda: _unready(client),
        description="Please and thank-you, and the directory of who gives and receives them.",
    )
    app.extensions["recognition"] = service
    app.after_request(partial(_nudge, Nudges(settings.nudges)))
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(WrongState, _in_the_way)
    app.register_error_handler(NotYours, lambda error: answer(Forbidden(str(error))))
    app.register_error_handler(MovedOn, lambda _: answer(Unavailable(_RACED)))
    return app


def _nudge(nudges: Nudges, response: Response) -> Response:
    """Whatever was written has put events into outboxes."""
    if request.method not in {"GET", "HEAD", "OPTIONS"} and response.status_code < 300:
        nudges.send(KEYS if request.blueprint == keys.blueprint.name else OUTBOX)
    return response


def _refused(refusal: Refusal) -> Any:
    errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in refusal.faults]
    return answer(Unprocessable(f"{len(errors)} to correct", errors))


def _in_the_way(error: WrongState) -> Any:
    allowed = {"allowed": list(error.allowed)} if error.allowed else {}
    return answer(Conflict(error.detail, **allowed, **error.more))


def _unready(client: MongoClient[Document]) -> list[str]:
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        return [f"MongoDB does not answer: {str(error).partition(',')[0]}"]
    return []
