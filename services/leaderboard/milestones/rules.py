"""The rules of milestones as a JSON file holds them: KUDOS_MILESTONES, or default.json here."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.leaderboard.domain.milestones import COUNTS, KEPT_MONTHS, KeptMonth, Levels, Rule
from shared.config import ConfigError, Settings
from shared.references import ID_PATTERN

DEFAULT = Path(__file__).with_name("default.json")


def load_rules(settings: Settings) -> tuple[Rule, ...]:
    """The rules that hold here. Raises ConfigError that names the file and each thing to mend."""
    path = settings.milestones or DEFAULT
    try:
        loaded = _FileSchema().load(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise _refusal(path, f"it cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise _refusal(path, f"it is no JSON: {error}") from None
    except ValidationError as error:
        raise _refusal(
            path, "; ".join(f"{at}: {why}" for at, why in _places(error.messages))
        ) from None
    return tuple(_rule(each) for each in loaded["milestones"])


class _RuleSchema(Schema):
    id = fields.String(required=True, validate=validate.Regexp(rf"^{ID_PATTERN}\Z"))
    counts = fields.String(required=True, validate=validate.OneOf([*COUNTS, KEPT_MONTHS]))
    title = fields.String(required=True, validate=validate.Length(min=1, max=100))
    levels = fields.List(
        fields.Integer(strict=True, validate=validate.Range(min=1, max=10**9)),
        validate=validate.Length(min=1, max=100),
    )
    titles = fields.Dict(
        keys=fields.Integer(), values=fields.String(validate=validate.Length(min=1, max=100))
    )
    at_least = fields.Integer(strict=True, validate=validate.Range(min=1, max=1000))

    @validates_schema(skip_on_field_errors=True)
    def check_shape(self, rule: dict[str, Any], **_options: Any) -> None:
        is_of_months = rule["counts"] == KEPT_MONTHS
        wanted = {"at_least"} if is_of_months else {"levels"}
        others = {"levels", "titles"} if is_of_months else {"at_least"}
        counts = rule["counts"]
        errors = dict.fromkeys(wanted - {*rule}, f"is needed where it counts {counts}")
        errors |= dict.fromkeys(others & rule.keys(), f"does not go with counts {counts}")
        levels = rule.get("levels", [])
        if any(low >= high for low, high in pairwise(levels)):
            errors["levels"] = "must rise"
        if unknown := rule.get("titles", {}).keys() - set(levels):
            errors["titles"] = f"names {min(unknown)}, which is none of the levels"
        place = "month" if is_of_months else "level"
        for title in [rule["title"], *rule.get("titles", {}).values()]:
            if set("{}") & set(title.replace(f"{{{place}}}", "")):
                errors["title"] = f"{title!r} may hold {{{place}}}, and no other braces"
        if errors:
            raise ValidationError({name: [message] for name, message in errors.items()})


class _FileSchema(Schema):
    milestones = fields.List(
        fields.Nested(_RuleSchema), required=True, validate=validate.Length(max=50)
    )

    @validates_schema(skip_on_field_errors=True)
    def check_ids(self, file: dict[str, Any], **_options: Any) -> None:
        ids = [rule["id"] for rule in file["milestones"]]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValidationError(f"the id {twice[0]} is there twice", "milestones")


def _rule(loaded: dict[str, Any]) -> Rule:
    if loaded["counts"] == KEPT_MONTHS:
        return KeptMonth(loaded["id"], loaded["at_least"], loaded["title"])
    titles = loaded.get("titles", {})
    levels = tuple(loaded["levels"])
    return Levels(loaded["id"], loaded["counts"], levels, loaded["title"], titles)


def _refusal(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"KUDOS_MILESTONES: {path} cannot be used: {reason}; see docs/milestones.md for an example"
    )


def _places(messages: Any, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _places(inner, at if name == "_schema" else f"{at}/{name}")
    elif isinstance(messages, list):
        for inner in messages:
            yield from _places(inner, at)
    else:
        yield at or "/", str(messages)
