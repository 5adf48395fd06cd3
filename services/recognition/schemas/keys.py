"""API keys, their pages, and what makes and rotates them."""

from marshmallow import fields, validate

from services.recognition.domain.keys import DEFAULT_OVERLAP, LONGEST_OVERLAP
from services.recognition.schemas.directory import page_of
from shared.auth.scopes import MEANINGS
from shared.web.schemas import JsonBoolean, JsonInteger, PlainText, Reference, Schema

MAX_NAME = 100


class KeySchema(Schema):
    """An API key, without its secret."""

    EXAMPLES = {
        "widget": {
            "name": "Intranet widget",
            "scopes": ["kudos:read", "kudos:write"],
            "on_behalf_of": True,
        },
        "of_a_person": {"name": "My scripts", "scopes": ["kudos:read"], "person": "person:ada"},
    }

    id = fields.String(dump_only=True)
    name = PlainText(
        maximum=MAX_NAME,
        single_line=True,
        required=True,
        metadata={"description": "What the key is for"},
    )
    scopes = fields.List(
        fields.String(
            validate=validate.OneOf(list(MEANINGS), error="{input} is none of {choices}")
        ),
        required=True,
        validate=validate.Length(1, 20),
        metadata={"description": "What the key may; no more than its maker may"},
    )
    person = Reference(
        kinds=["person"],
        allow_none=True,
        load_default=None,
        metadata={"description": "Whom the key stands for, if anybody"},
    )
    on_behalf_of = JsonBoolean(
        load_default=False,
        metadata={"description": "Whether it may name others in Kudos-On-Behalf-Of"},
    )
    created_at = fields.String(dump_only=True)
    revoked_at = fields.String(dump_only=True, allow_none=True)
    previous_until = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "Until when the secret before the last rotation is accepted"},
    )
    last_used_at = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "To about a minute"}
    )
    version = fields.Integer(dump_only=True)


class NewKeySchema(KeySchema):
    """An API key with its new secret."""

    key = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "The token, this once: null when the answer is given again under the "
            "same Idempotency-Key"
        },
    )


class RotationSchema(Schema):
    """How long the secret that is replaced is still accepted; 0: no longer."""

    EXAMPLES = {"by_default": {}, "at_once": {"overlap_seconds": 0}}

    overlap_seconds = JsonInteger(
        0,
        int(LONGEST_OVERLAP.total_seconds()),
        load_default=int(DEFAULT_OVERLAP.total_seconds()),
    )


KeyPageSchema = page_of(KeySchema)
