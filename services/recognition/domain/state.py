"""The state of a record, as its events and exports carry it: plain JSON, instants as RFC 3339."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.recognition.domain.attribution import without_ref
from shared.times import to_rfc3339

RECOGNITION_FIELDS = (
    "kind",
    "status",
    "giver",
    "recipients",
    "message",
    "link",
    "values",
    "visibility",
    "answers",
    "echoes",
    "needed_by",
    "category",
    "promise",
    "fulfilled_at",
    "declined",
    "service_level",
    "given_at",
    "created_at",
    "version",
    "revision",
    "reactions",
    "comment_count",
    "external_id",
    "source",
    "quiet",
)

KEY_FIELDS = (
    "name",
    "hash",
    "previous_hash",
    "previous_until",
    "scopes",
    "person",
    "on_behalf_of",
    "created_at",
    "revoked_at",
    "version",
)

VALUE_FIELDS = ("id", "name", "description", "colour", "order", "retired", "version")

LEVEL_FIELDS = (
    "id",
    "name",
    "provider",
    "customer",
    "category",
    "respond_within_seconds",
    "fulfil_within_seconds",
    "procedure",
    "retired",
    "version",
)

_SHARED = ("ref", "id", "type", "name", "version")
DIRECTORY_FIELDS = {
    "person": (
        *_SHARED,
        "email",
        "team",
        "partner",
        "manager",
        "active",
        "hidden_from_boards",
        "technical",
        "timezone",
        "photo_url",
    ),
    "team": (*_SHARED, "parent", "ancestors"),
    "partner": (*_SHARED, "kind"),
}


def recognition_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored recognition as RecognitionState (shared/events/contracts.py)."""
    promise, course = record["promise"], record["course"]
    return {
        "id": record["_id"],
        **_plain_fields(record, RECOGNITION_FIELDS),
        "promise": {**plain(promise), "moved_late": course["moved_late"]} if promise else None,
        "answered_at": plain(course["answered_at"]),
    }


def attribution_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored attribution as RecognitionAttribution: the recipients' by reference.

    They are stored as a list, because references have dots and would be field names. What was
    stored before the provider's was stamped has none.
    """
    attribution = record["attribution"]
    return {
        "giver": without_ref(attribution["giver"]),
        "recipients": {side["ref"]: without_ref(side) for side in attribution["recipients"]},
        "provider": attribution.get("provider"),
    }


def directory_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored directory entry as PersonState, TeamState or PartnerState."""
    return _plain_fields(record, DIRECTORY_FIELDS[record["type"]])


def key_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored API key as KeyState."""
    # Keys made before there were rotations have no previous_hash and previous_until.
    return {"id": record["_id"], **{name: plain(record.get(name)) for name in KEY_FIELDS}}


def value_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored value as ValueState."""
    return _plain_fields(record, VALUE_FIELDS)


def level_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """A stored service level as the API shows it."""
    return _plain_fields(record, LEVEL_FIELDS)


def plain(value: Any) -> Any:
    """`value` with every instant in it as RFC 3339 text."""
    if isinstance(value, datetime):
        return to_rfc3339(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _plain_fields(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: plain(record[name]) for name in names}
