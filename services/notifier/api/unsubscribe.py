"""Unsubscribing from mail: a page that asks, and the one click of mail programs (RFC 8058)."""

from typing import Any

from flask import Response, request
from marshmallow import fields, validate

from services.notifier.api import service
from services.notifier.unsubscribing import EVERYTHING, Subscription, token_of
from shared.auth.caller import public
from shared.web.blueprint import Blueprint
from shared.web.problems import BadRequest, NotFound
from shared.web.schemas import Schema

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_FORM = "application/x-www-form-urlencoded"
_FIELD, _CLICK = "List-Unsubscribe", "One-Click"
_BODY = {
    "description": "What RFC 8058 has mail programs send; `multipart/form-data` is taken, too",
    "required": True,
    "content": {
        _FORM: {
            "schema": {
                "type": "object",
                "required": [_FIELD],
                "properties": {_FIELD: {"type": "string", "const": _CLICK}},
            },
            "examples": {"click": {"value": {_FIELD: _CLICK}}},
        }
    },
}

blueprint = Blueprint(
    "unsubscribe", __name__, url_prefix="/notifier/v1", description="No more mail, by a signed link"
)


class TokenArguments(Schema):
    """What stands in the link of a mail; without it the link is none of ours."""

    token = fields.String(load_default="", validate=validate.Length(max=512))


@blueprint.get("/unsubscribe")
@public
@blueprint.arguments(TokenArguments, location="query")
@blueprint.response(200, {"type": "string"}, content_type="text/html")
@blueprint.problems(404)
def ask(asked: dict[str, Any]) -> Response:
    """A page that asks whether mail of this kind is to end. It changes nothing: programs that look
    at the links of a mail come here, too."""
    subscription = _found(asked["token"])
    everything = Subscription(subscription.person, EVERYTHING)
    return _page(
        subscription, is_done=False, all_token=token_of(service().unsubscribing.vault, everything)
    )


@blueprint.post("/unsubscribe")
@public
@blueprint.arguments(TokenArguments, location="query")
@blueprint.doc(requestBody=_BODY)
@blueprint.response(200, {"type": "string"}, content_type="text/html")
@blueprint.problems(404)
def click(asked: dict[str, Any]) -> Response:
    """End mail of this kind; safe to repeat."""
    subscription = _found(asked["token"])
    if request.form.to_dict(flat=False) != {_FIELD: [_CLICK]}:
        raise BadRequest(f"Send {_FIELD}={_CLICK} as {_FORM} (RFC 8058), and nothing else")
    service().unsubscribing.switch_off(subscription)
    return _page(subscription, is_done=True)


def _found(token: str) -> Subscription:
    found = service().unsubscribing.find(token)
    if found is None:
        raise NotFound(
            "This link was not signed by this suite, or its key is gone: take that of a newer mail"
        )
    return found


def _page(subscription: Subscription, **values: Any) -> Response:
    from services.notifier.channels.languages import first_of
    from services.notifier.channels.unsubscribe_page import render

    chosen = service().unsubscribing.language(subscription.person)
    accepted = [chosen] if chosen else list(request.accept_languages.values())
    page = render(subscription.kind, first_of(accepted), **values)
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(page, headers=headers, content_type="text/html; charset=utf-8")
