"""The contracts: what `data` of an event holds, per topic; published as JSON Schema.

Readers ignore what they do not know (EXCLUDE), so adding a member breaks nobody. Consumers do
not run these on every record; the contract tests hold producers and consumers to them.
"""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from shared.events.envelope import Event, MalformedEvent
from shared.events.topics import ACCESS, DIRECTORY, PRIVACY, RECOGNITION
from shared.references import ID_PATTERN
from shared.times import parse_rfc3339


class _Contract(Schema):
    class Meta:
        unknown = EXCLUDE


def _check_instant(text: str) -> None:
    try:
        parse_rfc3339(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _instant(**options: Any) -> fields.String:
    return fields.String(
        required=True, validate=_check_instant, metadata={"format": "date-time"}, **options
    )


def _reference(**options: Any) -> fields.String:
    pattern = rf"(person|team|partner):{ID_PATTERN}"
    return fields.String(
        required=True,
        validate=validate.Regexp(rf"^{pattern}\Z"),
        metadata={"pattern": f"^{pattern}$"},
        **options,
    )


def _text(**options: Any) -> fields.String:
    return fields.String(required=True, **options)


def _texts() -> fields.List[Any]:
    return fields.List(fields.String(), required=True)


def _references() -> fields.List[Any]:
    return fields.List(_reference(), required=True)


def _count(low: int = 0) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=low))


def _truth(**options: Any) -> fields.Boolean:
    return fields.Boolean(required=True, truthy={True}, falsy={False}, **options)


class ChangeContract(_Contract):
    """Who changed it and when; further members say what the act brought."""

    class Meta:
        unknown = EXCLUDE

    by = _reference(allow_none=True)
    at = _instant()


class PromiseContract(_Contract):
    """The promise that a please carries."""

    by = _reference()
    promised_at = _instant()
    due_at = _instant()
    moved = _count()
    outcome = _text(allow_none=True, validate=validate.OneOf(["kept", "late"]))


class DeclinedContract(_Contract):
    """Why a please was declined, and what could be done instead."""

    by = _reference()
    reason = _text()
    alternative = _text(allow_none=True)
    at = _instant()


class ServiceLevelContract(_Contract):
    """The service level that applied when it was asked, with both deadlines."""

    id = _text()
    respond_by = _instant(allow_none=True)
    fulfil_by = _instant(allow_none=True)
    responded_in_time = _truth(allow_none=True)
    fulfilled_in_time = _truth(allow_none=True)


class RecognitionState(_Contract):
    """A recognition as it stands after the change."""

    id = _text()
    kind = _text(validate=validate.OneOf(["please", "thank_you"]))
    status = _text()
    giver = _reference()
    recipients = fields.List(_reference(), required=True, validate=validate.Length(max=50))
    message = _text()
    link = _text(allow_none=True)
    values = _texts()
    visibility = _text(validate=validate.OneOf(["public", "team", "private"]))
    answers = _text(allow_none=True)
    echoes = _text(allow_none=True)
    needed_by = _instant(allow_none=True)
    category = _text(allow_none=True)
    promise = fields.Nested(PromiseContract, required=True, allow_none=True)
    fulfilled_at = _instant(allow_none=True)
    declined = fields.Nested(DeclinedContract, required=True, allow_none=True)
    service_level = fields.Nested(ServiceLevelContract, required=True, allow_none=True)
    given_at = _instant()
    created_at = _instant()
    version = _count(1)
    revision = _count(1)
    reactions = fields.Dict(keys=fields.String(), values=fields.List(_reference()), required=True)
    comment_count = _count()
    external_id = _text(allow_none=True)
    source = _text()
    quiet = _truth()


class Attribution(_Contract):
    """The team (with its ancestors, nearest first) or partner that someone stood for."""

    team = _reference(allow_none=True)
    partner = _reference(allow_none=True)
    ancestors = _references()


class RecognitionAttribution(_Contract):
    """Stamped when the recognition was accepted, never recomputed."""

    giver = fields.Nested(Attribution, required=True)
    recipients = fields.Dict(keys=_reference(), values=fields.Nested(Attribution), required=True)


class RecognitionData(_Contract):
    """`data` of every event on kudos.recognition.v1."""

    state = fields.Nested(RecognitionState, required=True)
    attribution = fields.Nested(RecognitionAttribution, required=True)
    change = fields.Nested(ChangeContract, required=True)
    quiet = _truth()


class DirectoryState(_Contract):
    """What people, teams and partners have in common."""

    ref = _reference()
    id = _text()
    type = _text(validate=validate.OneOf(["person", "team", "partner"]))
    name = _text()
    version = _count(1)


class PersonState(DirectoryState):
    """A person, as everybody's replica keeps it."""

    email = _text(allow_none=True)
    team = _reference(allow_none=True)
    partner = _reference(allow_none=True)
    manager = _reference(allow_none=True)
    active = _truth()
    hidden_from_boards = _truth()
    technical = _truth()
    timezone = _text(allow_none=True)
    photo_url = _text(allow_none=True)


class TeamState(DirectoryState):
    """A team and the teams above it, nearest first."""

    parent = _reference(allow_none=True)
    ancestors = _references()


class PartnerState(DirectoryState):
    """A partner: a supplier, a distributor or a contractor."""

    kind = _text(validate=validate.OneOf(["supplier", "distributor", "contractor"]))


class ValueState(_Contract):
    """A value that recognitions may name; the event's subject is `value:<id>`."""

    id = _text(validate=validate.Regexp(rf"^{ID_PATTERN}\Z"))
    name = _text()
    description = _text()
    colour = _text(allow_none=True, validate=validate.Regexp(r"^#[0-9a-f]{6}\Z"))
    order = fields.Integer(required=True, strict=True)
    retired = _truth()
    version = _count(1)


_HASH = validate.Regexp(r"^[0-9a-f]{64}\Z")


class KeyState(_Contract):
    """An API key: its hash, never the key. `previous_hash` is that of the secret before, which is
    accepted until `previous_until`; events from before there were rotations have neither."""

    id = _text()
    name = _text()
    hash = _text(validate=_HASH)
    previous_hash = fields.String(allow_none=True, validate=_HASH)
    previous_until = fields.String(
        allow_none=True, validate=_check_instant, metadata={"format": "date-time"}
    )
    scopes = _texts()
    person = _reference(allow_none=True)
    on_behalf_of = _truth()
    created_at = _instant()
    revoked_at = _instant(allow_none=True)
    version = _count(1)


class KeyUseState(_Contract):
    """That an API key was used, in the service that is the event's source."""

    id = _text()
    used_at = _instant()


class PrivacyRequestState(_Contract):
    """What every service is to do about a person, once it has folded the log up to `after`."""

    id = _text()
    person = _reference()
    after = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class ErasureState(PrivacyRequestState):
    """Who is to be forgotten, and the id that stands for them from now on; `key` is that of the
    fingerprints (shared/erased.py)."""

    alias = _reference()
    key = _text()


class PrivacyDoneState(_Contract):
    """A service did what the request `id` asked of it."""

    id = _text()
    service = _text()


class HeldState(PrivacyDoneState):
    """A part of what a service holds about the person that the request `id` names."""

    number = _count(1)
    section = _text()
    items = fields.List(fields.Dict(), required=True)


def _data_of(state: type[Schema]) -> type[Schema]:
    return _Contract.from_dict(
        {
            "state": fields.Nested(state, required=True),
            "change": fields.Nested(ChangeContract, required=True),
            "quiet": _truth(),
        },
        name=state.__name__.replace("State", "Data"),
    )


PersonData, TeamData = _data_of(PersonState), _data_of(TeamState)
PartnerData = _data_of(PartnerState)
KeyData, KeyUseData = _data_of(KeyState), _data_of(KeyUseState)
ValueData = _data_of(ValueState)
ErasureData, PrivacyRequestData = _data_of(ErasureState), _data_of(PrivacyRequestState)
PrivacyDoneData, HeldData = _data_of(PrivacyDoneState), _data_of(HeldState)

_DIRECTORY = {
    "kudos.person.changed": PersonData,
    "kudos.team.changed": TeamData,
    "kudos.partner.changed": PartnerData,
    "kudos.value.changed": ValueData,
}
_ACCESS = {"kudos.key.changed": KeyData, "kudos.key.used": KeyUseData}
_PRIVACY = {
    "kudos.erasure.requested": ErasureData,
    "kudos.erasure.done": PrivacyDoneData,
    "kudos.access_report.requested": PrivacyRequestData,
    "kudos.access_report.held": HeldData,
    "kudos.access_report.done": PrivacyDoneData,
}


def contract_of(topic: str, event_type: str) -> Schema:
    """The schema of `data` for a type on a topic; types we do not know carry the topic's state.

    Raises MalformedEvent for a topic or a type that has no contract.
    """
    if topic == RECOGNITION and event_type.startswith("kudos.recognition."):
        return RecognitionData()
    if topic == DIRECTORY and event_type in _DIRECTORY:
        return _DIRECTORY[event_type]()
    if topic == ACCESS and event_type in _ACCESS:
        return _ACCESS[event_type]()
    if topic == PRIVACY and event_type in _PRIVACY:
        return _PRIVACY[event_type]()
    raise MalformedEvent(f"{event_type} on {topic} has no contract")


def check(event: Event) -> None:
    """Hold an event to its contract. Raises MalformedEvent with every breach."""
    errors = contract_of(event.topic, event.type).validate(event.data)
    if errors:
        raise MalformedEvent(f"{event.type} breaks its contract: {errors}")


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas (2020-12) of `data`, by type of event; `kudos.recognition.*` share one."""
    from shared.events.json_schema import json_schema

    schemas = {"kudos.recognition.*": json_schema(RecognitionData())}
    for by_type in (_DIRECTORY, _ACCESS, _PRIVACY):
        schemas |= {name: json_schema(schema()) for name, schema in by_type.items()}
    return schemas
