"""JSON Schema of a contract, by the converter that also writes the OpenAPI documents (apispec)."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema


def json_schema(schema: Schema) -> dict[str, Any]:
    """`schema` as a JSON Schema 2020-12 document that stands alone (its parts under $defs)."""
    name = type(schema).__name__
    spec = APISpec("events", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema(name, schema=type(schema))
    parts = _point_to_defs(spec.to_dict()["components"]["schemas"])
    root = parts.pop(name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": parts}


def _point_to_defs(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _point_to_defs(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_point_to_defs(value) for value in node]
    if isinstance(node, str):
        return node.replace("#/components/schemas/", "#/$defs/")
    return node
