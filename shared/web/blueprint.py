"""The blueprint of every service: flask-smorest's, with our parser and problems in the docs."""

import http
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_smorest import Blueprint as SmorestBlueprint
from flask_smorest.utils import resolve_schema_instance

from shared.auth.caller import guard_of
from shared.web.parsing import Parser

View = TypeVar("View", bound=Callable[..., Any])
BODY_LIMIT = 1024 * 1024
"""Bytes that a body may have, unless its view is marked with `body_limit`."""

BODY_LIMIT_MARK = "_kudos_body_limit"


def body_limit(size: int | None) -> Callable[[View], View]:
    """Mark a view as taking bodies of up to `size` bytes; None: it reads a stream of any length
    and bounds what it holds itself."""

    def mark(view: View) -> View:
        # Flask takes None for its own default, so no limit is a very large one.
        setattr(view, BODY_LIMIT_MARK, sys.maxsize if size is None else size)
        return view

    return mark


def takes_parameters(described: Mapping[str, Any]) -> bool:
    """Whether a view has query parameters, by what `arguments` noted on it (its `_apidoc`)."""
    noted = described.get("arguments", {}).get("parameters", ())
    return any(each.get("in") in {"query", "querystring"} for each in noted)


def body_of(media_type: str, description: str, example: str, min_length: int = 0) -> dict[str, Any]:
    """The `requestBody` of a view that reads text of a media type itself, for `doc`."""
    schema = {"type": "string", "minLength": min_length}
    examples = {"one": {"value": example}}
    content = {media_type: {"schema": schema, "examples": examples}}
    return {"description": description, "required": True, "content": content}


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """`arguments`, `response` and `doc` as in flask-smorest, and `problems`."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._document_guard_and_problems)

    def arguments(self, schema: Any, **options: Any) -> Any:
        """As flask-smorest's, with the schema made once: webargs would make one per request. A
        body is documented with the schema's EXAMPLES, and as one that may be left out when nothing
        has to be said."""
        made = resolve_schema_instance(schema)
        if options.get("location", "json") == "json":
            options.setdefault("required", bool(made.validate({})))
            named = getattr(made, "EXAMPLES", {})
            examples = {name: {"value": value} for name, value in named.items()}
            options |= {"examples": examples} if examples else {}
        return super().arguments(made, **options)

    @staticmethod
    def problems(*statuses: int) -> Callable[[View], View]:
        """Document the statuses of problems that a view raises itself (404, 409, ...).

        Those of parsing, authentication and limits are documented by themselves.
        """

        def mark(view: View) -> View:
            documented = getattr(view, "_apidoc", {})
            known = documented.get("problems", ())
            view._apidoc = documented | {"problems": (*known, *statuses)}  # type: ignore[attr-defined]
            return view

        return mark

    def _store_endpoint_docs(
        self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any
    ) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method, doc in self._docs[endpoint].items():
            if method != "parameters":
                doc["view"] = getattr(obj, method) if isinstance(obj, type) else obj

    def _document_guard_and_problems(
        self, doc: dict[str, Any], doc_info: dict[str, Any], **_context: Any
    ) -> dict[str, Any]:
        guard = guard_of(doc_info["view"])
        statuses = {*doc_info.get("problems", ()), 422, 500}
        if "requestBody" in doc:
            statuses |= {400, 413, 415}
        if "parameters" in doc:
            statuses.add(400)
        if guard is not None and guard.is_public:
            doc["security"] = []
        elif guard is not None:
            doc["security"] = [{"bearer": list(guard.scopes)}]
            statuses |= {401, 403, 503}
        problems = {str(status): http.HTTPStatus(status).name for status in sorted(statuses)}
        answers = {str(status): answer for status, answer in doc.get("responses", {}).items()}
        name = doc_info["view"].__name__
        return {
            **doc,
            "operationId": name if name == self.name else f"{self.name}_{name}",
            "responses": dict(sorted((problems | answers).items())),
        }
