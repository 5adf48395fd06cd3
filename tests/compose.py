"""docker-compose.yml for the tests: read as Compose reads it, as far as this file needs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docker-compose.yml"
WITHOUT_KAFKA = ROOT / "deploy" / "docker" / "log-in-mongo.yml"

Service = dict[str, Any]

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


class MissingVariable(Exception):
    """A `${NAME:?what to do}` whose variable is not set."""


def services(
    variables: Mapping[str, str], *overrides: Path, profiles: frozenset[str] = frozenset()
) -> dict[str, Service]:
    """The services that `docker compose up` starts with these variables, by name.

    Raises MissingVariable with its message.
    """
    merged: dict[str, Service] = {}
    for path in (FILE, *overrides):
        document = interpolate(yaml.safe_load(path.read_text()), variables)
        for name, service in document["services"].items():
            known = merged.setdefault(name, {})
            environment = known.get("environment", {}) | service.get("environment", {})
            merged[name] = known | service | {"environment": environment}
    return {
        name: service
        for name, service in merged.items()
        if not service.get("profiles") or profiles.intersection(service["profiles"])
    }


def interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    """`value` with ${NAME}, ${NAME:-default}, ${NAME:?message} and $$ replaced in every text."""
    if isinstance(value, dict):
        return {key: interpolate(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def replaced(found: re.Match[str]) -> str:
        name, kind, text = found.groups()
        if name is None:
            return "$"
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise MissingVariable(f"{name}: {text}")
        return text or ""

    return _VARIABLE.sub(replaced, value)
