"""The contracts: what `data` of an event holds, per topic; published as JSON Schema.

Readers ignore what they do not know (EXCLUDE), so adding a member breaks nobody. Consumers do
not run these on every record; the contract tests hold producers and consumers to them.
"""

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from shared.events.contract_fields import (
    Contract,
    count,
    instant,
    reference,
    references,
    text,
    texts,
    truth,
)
from shared.events.envelope import Event, MalformedEvent
from shared.events.milestone_contract import MilestoneState
from shared.events.privacy_contracts import (
    ErasureState,
    HeldState,
    PrivacyDoneState,
    PrivacyRequestState,
)
from shared.events.topics import ACCESS, DIRECTORY, LEADERBOARD, PRIVACY, RECOGNITION
from shared.references import ID_PATTERN


class ChangeContract(Contract):
    """Who changed it and when; further members say what the act brought."""

    class Meta:
        unknown = EXCLUDE

    by = reference(allow_none=True)
    at = instant()


class PromiseContract(Contract):
    """The promise that a please carries; `moved_late`: once after it was due. Events from before
    that was told lack it."""

    by = reference()
    promised_at = instant()
    due_at = instant()
    moved = count()
    moved_late = truth(required=False)
    outcome = text(allow_none=True, validate=validate.OneOf(["kept", "late"]))


class DeclinedContract(Contract):
    """Why a please was declined, and what could be done instead."""

    by = reference()
    reason = text()
    alternative = text(allow_none=True)
    at = instant()


class ServiceLevelContract(Contract):
    """The service level that applied when it was asked, with both deadlines."""

    id = text()
    respond_by = instant(allow_none=True)
    fulfil_by = instant(allow_none=True)
    responded_in_time = truth(allow_none=True)
    fulfilled_in_time = truth(allow_none=True)


class RecognitionState(Contract):
    """A recognition as it stands after the change. `answered_at`: when the first word came of whom
    a please was asked of; events from before that was told lack it."""

    id = text()
    kind = text(validate=validate.OneOf(["please", "thank_you"]))
    status = text()
    giver = reference()
    recipients = fields.List(reference(), required=True, validate=validate.Length(max=50))
    message = text()
    link = text(allow_none=True)
    values = texts()
    visibility = text(validate=validate.OneOf(["public", "team", "private"]))
    answers = text(allow_none=True)
    echoes = text(allow_none=True)
    needed_by = instant(allow_none=True)
    category = text(allow_none=True)
    promise = fields.Nested(PromiseContract, required=True, allow_none=True)
    answered_at = instant(required=False, allow_none=True)
    fulfilled_at = instant(allow_none=True)
    declined = fields.Nested(DeclinedContract, required=True, allow_none=True)
    service_level = fields.Nested(ServiceLevelContract, required=True, allow_none=True)
    given_at = instant()
    created_at = instant()
    version = count(1)
    revision = count(1)
    reactions = fields.Dict(keys=fields.String(), values=fields.List(reference()), required=True)
    comment_count = count()
    external_id = text(allow_none=True)
    source = text()
    quiet = truth()


class Attribution(Contract):
    """The team (with its ancestors, nearest first) or partner that someone stood for."""

    team = reference(allow_none=True)
    partner = reference(allow_none=True)
    ancestors = references()


class RecognitionAttribution(Contract):
    """Stamped when the recognition was accepted, never recomputed. `provider` is that of who
    answers for a please, stamped when they promised, declined or did it, null while nobody does;
    events from before it was stamped lack it."""

    giver = fields.Nested(Attribution, required=True)
    recipients = fields.Dict(keys=reference(), values=fields.Nested(Attribution), required=True)
    provider = fields.Nested(Attribution, allow_none=True)


class RecognitionData(Contract):
    """`data` of every event on kudos.recognition.v1."""

    state = fields.Nested(RecognitionState, required=True)
    attribution = fields.Nested(RecognitionAttribution, required=True)
    change = fields.Nested(ChangeContract, required=True)
    quiet = truth()


class DirectoryState(Contract):
    """What people, teams and partners have in common."""

    ref = reference()
    id = text()
    type = text(validate=validate.OneOf(["person", "team", "partner"]))
    name = text()
    version = count(1)


class PersonState(DirectoryState):
    """A person, as everybody's replica keeps it."""

    email = text(allow_none=True)
    team = reference(allow_none=True)
    partner = reference(allow_none=True)
    manager = reference(allow_none=True)
    active = truth()
    hidden_from_boards = truth()
    technical = truth()
    timezone = text(allow_none=True)
    photo_url = text(allow_none=True)


class TeamState(DirectoryState):
    """A team and the teams above it, nearest first."""

    parent = reference(allow_none=True)
    ancestors = references()


class PartnerState(DirectoryState):
    """A partner: a supplier, a distributor or a contractor."""

    kind = text(validate=validate.OneOf(["supplier", "distributor", "contractor"]))


class ValueState(Contract):
    """A value that recognitions may name; the event's subject is `value:<id>`."""

    id = text(validate=validate.Regexp(rf"^{ID_PATTERN}\Z"))
    name = text()
    description = text()
    colour = text(allow_none=True, validate=validate.Regexp(r"^#[0-9a-f]{6}\Z"))
    order = fields.Integer(required=True, strict=True)
    retired = truth()
    version = count(1)


_HASH = validate.Regexp(r"^[0-9a-f]{64}\Z")


class KeyState(Contract):
    """An API key: its hash, never the key. `previous_hash` is that of the secret before, which is
    accepted until `previous_until`; events from before there were rotations have neither."""

    id = text()
    name = text()
    hash = text(validate=_HASH)
    previous_hash = fields.String(allow_none=True, validate=_HASH)
    previous_until = instant(required=False, allow_none=True)
    scopes = texts()
    person = reference(allow_none=True)
    on_behalf_of = truth()
    created_at = instant()
    revoked_at = instant(allow_none=True)
    version = count(1)


class KeyUseState(Contract):
    """That an API key was used, in the service that is the event's source."""

    id = text()
    used_at = instant()


def _data_of(state: type[Schema]) -> type[Schema]:
    return Contract.from_dict(
        {
            "state": fields.Nested(state, required=True),
            "change": fields.Nested(ChangeContract, required=True),
            "quiet": truth(),
        },
        name=state.__name__.replace("State", "Data"),
    )


PersonData, TeamData = _data_of(PersonState), _data_of(TeamState)
PartnerData = _data_of(PartnerState)
KeyData, KeyUseData = _data_of(KeyState), _data_of(KeyUseState)
ValueData = _data_of(ValueState)
ErasureData, PrivacyRequestData = _data_of(ErasureState), _data_of(PrivacyRequestState)
PrivacyDoneData, HeldData = _data_of(PrivacyDoneState), _data_of(HeldState)

MilestoneData = _data_of(MilestoneState)

_DIRECTORY = {
    "kudos.person.changed": PersonData,
    "kudos.team.changed": TeamData,
    "kudos.partner.changed": PartnerData,
    "kudos.value.changed": ValueData,
}
_ACCESS = {"kudos.key.changed": KeyData, "kudos.key.used": KeyUseData}
_LEADERBOARD = {"kudos.milestone.reached": MilestoneData}
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
    if topic == LEADERBOARD and event_type in _LEADERBOARD:
        return _LEADERBOARD[event_type]()
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
    for by_type in (_DIRECTORY, _ACCESS, _LEADERBOARD, _PRIVACY):
        schemas |= {name: json_schema(schema()) for name, schema in by_type.items()}
    return schemas
