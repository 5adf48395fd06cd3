"""The HTTP interface of the recognition service: one module per feature."""

from collections.abc import Callable

from flask import Response, current_app
from pymongo.client_session import ClientSession

from services.recognition.service import Service
from shared.auth.caller import current_caller
from shared.web.idempotency import Answer


def service() -> Service:
    """The features of the application that answers the present request."""
    found: Service = current_app.extensions["recognition"]
    return found


def answer_once(effect: Callable[[ClientSession], Answer]) -> Response:
    """The answer to a POST: what `effect(session)` answers, in one transaction with all that it
    writes; under an Idempotency-Key that was used before, the answer that it got then."""
    found = service()
    key = found.idempotency.key(current_caller())
    return found.idempotency.run(found.client, key, effect).response()
