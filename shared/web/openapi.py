"""The OpenAPI 3.1 document of a service, with problems and the bearer scheme in every operation."""

import http
from typing import Any

import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from flask_smorest import Api
from flask_smorest.utils import prepare_response
from werkzeug.routing import UnicodeConverter

from shared import references
from shared.auth import scopes
from shared.web import problems, schemas


class SchemaConverter(OpenAPIConverter):
    """apispec's, with what a schema says of itself as a whole, and the names of properties."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        """The JSON Schema of a schema, with its CONSTRAINTS."""
        made: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return made | dict(getattr(schema, "CONSTRAINTS", {}))

    def field2property(self, field: Any) -> dict[str, Any]:
        """The JSON Schema of a field, with the names that its metadata allows to properties."""
        made: dict[str, Any] = super().field2property(field)
        names = field.metadata.get("propertyNames")
        return made | {"propertyNames": names} if names else made


class SchemaPlugin(MarshmallowPlugin):
    """apispec's plugin for marshmallow, with our converter."""

    Converter = SchemaConverter


class IdConverter(UnicodeConverter):
    """`<id:...>` in a path: whatever stands there, documented as an id (shared/references.py)."""


_LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
_ID = {"type": "string", "pattern": f"^{references.ID_PATTERN}$"}
_SERVERS = [{"url": "/", "description": "The address of the suite, which the gateway serves"}]


class BreachSchema(ma.Schema):
    """One breach of a rule."""

    pointer = ma.fields.String(
        required=True, metadata={"description": "JSON pointer (RFC 6901) to the place"}
    )
    detail = ma.fields.String(required=True)
    place = ma.fields.String(
        data_key="in", metadata={"description": "query or header, when not the body"}
    )


class ProblemSchema(ma.Schema):
    """A problem document (RFC 9457); further members say more, like `allowed` or `location`."""

    class Meta:
        unknown = ma.INCLUDE

    type = ma.fields.String(
        required=True, metadata={"format": "uri-reference", "examples": ["/problems/not-found"]}
    )
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String()
    errors = ma.fields.List(ma.fields.Nested(BreachSchema))
    further_errors = ma.fields.Integer(metadata={"description": "How many more than are listed"})


class ServiceApi(Api):  # type: ignore[misc]
    """flask-smorest's Api, whose errors are problem documents."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        """A response of each status, and the default one, as application/problem+json."""
        named = [(status.name, status.phrase) for status in http.HTTPStatus if status >= 400]
        for name, phrase in [*named, ("DEFAULT_ERROR", "Any other problem")]:
            response = {"description": phrase, "schema": ProblemSchema}
            prepare_response(response, self.spec, problems.CONTENT_TYPE)
            self.spec.components.response(name, response, lazy=True)

    def _register_pagination_header(self) -> None:
        """None: pages carry `next` in their body."""

    def _register_error_handlers(self) -> None:
        """None: `shared.web.errors` has them."""


def make_api(app: Flask, title: str, version: str, description: str) -> ServiceApi:
    """The Api of `app`; its document is `api.spec`, served by `shared.web.docs`."""
    app.config.update(API_TITLE=title, API_VERSION=version, OPENAPI_VERSION="3.1.1")
    info = {"description": description, "license": _LICENSE}
    plugin = SchemaPlugin(schema_name_resolver=resolver)
    app.url_map.converters["id"] = IdConverter
    api = ServiceApi(app, spec_kwargs={"info": info, "marshmallow_plugin": plugin})
    api.register_converter(IdConverter, lambda _converter: _ID)
    for field, kind, form in schemas.OPENAPI_TYPES:
        api.register_field(field, kind, form)
    meanings = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in scopes.MEANINGS.items())
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "description": "A JWT of the configured issuer, or an API key (`kk_...`). "
            f"Scopes:\n{meanings}",
        },
    )
    return api


def document(api: ServiceApi) -> dict[str, Any]:
    """The OpenAPI document as it stands once every blueprint is registered."""
    spec: dict[str, Any] = api.spec.to_dict()
    return spec | {"security": [{"bearer": []}], "servers": _SERVERS}
