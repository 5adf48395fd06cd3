"""The HTTP interface of the notifier: one module per feature."""

from collections.abc import Callable

from flask import Response, current_app
from pymongo.client_session import ClientSession

from services.notifier.service import Service
from shared.auth.caller import current_caller
from shared.web.idempotency import Answer


def service() -> Service:
    """The features of the application that answers the present request."""
    found: Service = current_app.extensions["notifier"]
    return found


def answer_once(effect: Callable[[ClientSession], Answer]) -> Response:
    """The response of `effect`, run in one transaction; with an Idempotency-Key once."""
    idempotency = service().idempotency
    key = idempotency.key(current_caller())
    return idempotency.run(service().client, key, effect).response()
