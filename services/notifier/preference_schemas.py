"""What preferences look like in requests and answers."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validate, validates_schema

from services.notifier.domain.notices import KINDS
from services.notifier.domain.preferences import DAYS, DIGEST_DAY, DIGEST_HOUR
from services.notifier.domain.targets import MAX_URL
from shared.web.schemas import JsonBoolean, JsonInteger, Schema

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_LANGUAGE = r"^[a-z]{2,3}(-[A-Z]{2})?$"


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_timezone(name: str) -> None:
    if name not in _timezones():
        raise ValidationError(
            f"{name!r} is not a time zone like Europe/Berlin, of the IANA time zone database"
        )


def _is_time(text: str) -> None:
    if not re.fullmatch(_TIME, text):
        raise ValidationError(f"{text!r} is not a time of day like 19:00, from 00:00 to 23:59")


def _is_language(text: str) -> None:
    if not re.fullmatch(_LANGUAGE, text):
        raise ValidationError(f"{text!r} is not a language like en, de or pt-BR")


def _time_of_day(name: str) -> fields.String:
    return fields.String(
        required=True,
        data_key=name,
        validate=_is_time,
        metadata={"pattern": _TIME, "example": "19:00"},
    )


class ChoiceSchema(Schema):
    """Over which channels one is told of something; what is left out is as by default."""

    mail = JsonBoolean()
    chat = JsonBoolean()


class _OfKinds(Schema):
    error_messages: dict[str, str] = {
        "unknown": "is no kind of notice; there are " + ", ".join(KINDS)
    }


_Kinds: type[Schema] = _OfKinds.from_dict(  # type: ignore[assignment]
    {
        kind: fields.Nested(ChoiceSchema, metadata={"description": text})
        for kind, text in KINDS.items()
    },
    name="KindsOfNoticesSchema",
)


class QuietHoursSchema(Schema):
    """When one is not to be disturbed, each day in one's own time zone: from one time to another,
    over midnight where the second is the earlier. With `weekends` also all Saturday and Sunday."""

    begin = _time_of_day("from")
    end = _time_of_day("to")
    weekends = JsonBoolean(load_default=False)

    @validates_schema
    def _lasts(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["begin"] == data["end"]:
            raise ValidationError(
                "is no time of quiet: it ends when it begins. To be told nothing, switch it off",
                "to",
            )


class DigestTimeSchema(Schema):
    """When digests come, in one's own time zone: the hour, and the day of the weekly ones."""

    day = fields.String(load_default=DIGEST_DAY, validate=validate.OneOf(DAYS))
    hour = JsonInteger(0, 23, load_default=DIGEST_HOUR)


class PreferencesSchema(Schema):
    """What one is told over mail and chat, and when. The inbox and its stream take everything."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "evenings off": {
            "channels": {"comments": {"mail": True}, "asks": {"mail": True}},
            "quiet_hours": {"from": "19:00", "to": "08:00", "weekends": True},
            "timezone": "Europe/Berlin",
            "language": "de",
            "digest": {"day": "friday", "hour": 16},
        },
        "defaults": {},
    }

    channels = fields.Nested(_Kinds, load_default=dict)
    quiet_hours = fields.Nested(QuietHoursSchema, allow_none=True, load_default=None)
    timezone = fields.String(
        allow_none=True,
        load_default=None,
        validate=_is_timezone,
        metadata={"description": "Null: that of the directory, or the organisation's"},
    )
    effective_timezone = fields.String(dump_only=True)
    language = fields.String(
        allow_none=True,
        load_default=None,
        validate=_is_language,
        metadata={"pattern": _LANGUAGE, "description": "Null: English"},
    )
    digest = fields.Nested(DigestTimeSchema, allow_none=True, load_default=None)
    chat_url = fields.String(
        allow_none=True,
        load_only=True,
        validate=validate.Length(1, MAX_URL),
        metadata={
            "format": "uri",
            "description": "An incoming webhook of Slack or Mattermost. It is never shown again, "
            "and stays until it is null or another",
        },
    )
    has_chat_url = fields.Boolean(dump_only=True)
    email = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "Where mail goes: the directory's"},
    )
