"""The web application of a service: what all three have in common, put together once."""

from collections.abc import Callable, Iterable
from functools import cached_property
from importlib.metadata import version as version_of
from typing import Any, Protocol

from flask import Flask, Request, Response, request

from shared import telemetry
from shared.auth.caller import Caller, guards, unguarded_routes, view_attribute
from shared.config import Settings
from shared.web import docs, errors, observe
from shared.web.blueprint import BODY_LIMIT, BODY_LIMIT_MARK, Blueprint, takes_parameters
from shared.web.cors import Cors
from shared.web.json import OrjsonProvider
from shared.web.openapi import make_api
from shared.web.parsing import invalid, no_such_parameter
from shared.web.probes import probes
from shared.web.problems import BadRequest, TooLarge, Unauthorized


class Authenticating(Protocol):
    """What finds out who calls."""

    def authenticate(self, request: Request) -> Caller:
        """The caller. Raises Unauthorized, Forbidden or Unavailable."""


class ServiceRequest(Request):
    """A request that knows when it began, its id, and who sent it."""

    began: float = 0.0
    id: str | None = None
    caller: Caller | None = None

    @cached_property
    def whole_body(self) -> bytes:
        """The body, all of it. Raises TooLarge and BadRequest.

        Werkzeug cuts a chunked body at the limit in silence, and takes one that broke off as whole.
        """
        data = super().get_data(cache=True)
        if self.content_length is not None and len(data) < self.content_length:
            raise BadRequest("The body broke off before the end that Content-Length names")
        limit = self.max_content_length
        is_chunked = self.content_length is None and self.environ.get("wsgi.input_terminated")
        if is_chunked and limit == len(data) and self.environ["wsgi.input"].read(1):
            raise TooLarge(f"A body may have {limit:,} bytes here")
        return data

    def get_data(  # type: ignore[override]
        self, cache: bool = True, as_text: bool = False, **_options: Any
    ) -> Any:
        """As Werkzeug's, of the whole body, which is kept (`cache` or not)."""
        del cache
        return self.whole_body.decode(errors="replace") if as_text else self.whole_body


class ServiceApp(Flask):
    """Flask with JSON by orjson and failures in our log."""

    request_class = ServiceRequest
    json_provider_class = OrjsonProvider

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """`func` itself: no view is asynchronous, and to ask costs 2 us, ten times a request."""
        return func

    def log_exception(self, exc_info: Any) -> None:
        """Log what nobody caught; the answer carries the same request id."""
        telemetry.log.error(
            "unexpected", method=request.method, path=request.path, exc_info=exc_info
        )


def create_service_app(
    name: str,
    title: str,
    settings: Settings,
    blueprints: Iterable[Blueprint],
    *,
    authenticator: Authenticating,
    readiness: Callable[[], list[str]],
    description: str = "",
) -> Flask:
    """The WSGI application of the service `name`, whose blueprints carry their full paths.

    Adds problems for every failure, authentication as the views are marked, request ids, CORS,
    the body limit, /{name}/docs, /{name}/openapi.json, /{name}/problems, and the probes. Raises
    ValueError when a route is marked neither `requires` nor `public`.
    """
    app = ServiceApp(name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.merge_slashes = False  # to answer `//` with a redirect would be no problem document
    app.extensions["kudos_authenticator"] = authenticator
    errors.register(app)
    observe.register(app)
    api = make_api(app, title, version_of("kudos"), description)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.register_blueprint(docs.pages(name, title, api))
    app.register_blueprint(probes(readiness))
    if unguarded := unguarded_routes(app):
        raise ValueError("mark these views with @requires or @public: " + ", ".join(unguarded))
    _hook(app, name, authenticator, Cors(settings.cors_origins))
    return app


def _hook(app: Flask, name: str, authenticator: Authenticating, cors: Cors) -> None:
    """One function before each request and one after; what they need is looked up once, here."""
    needed = guards(app)
    limits = view_attribute(app, BODY_LIMIT_MARK)
    noted = view_attribute(app, "_apidoc")  # on what answers by a blueprint of ours
    without_query = {place for place, described in noted.items() if not takes_parameters(described)}

    @app.before_request
    def before() -> Response | None:
        current = _current()
        observe.begin(current)
        if current.method == "OPTIONS":
            return cors.preflight(current)
        if current.endpoint is None:  # no route: Flask refuses it next
            return None
        place = (current.endpoint, "GET" if current.method == "HEAD" else current.method)
        if place in limits:
            current.max_content_length = limits[place]
        guard = needed.get(place)
        if guard is None:
            raise Unauthorized("This route was added behind the guard's back")
        if not guard.is_public:
            current.caller = authenticator.authenticate(current)
            current.caller.require(*guard.scopes)
        if current.query_string and place in without_query:  # a view that has some refuses others
            raise invalid({name: [no_such_parameter(())] for name in current.args}, "query")
        return None

    @app.after_request
    def after(response: Response) -> Response:
        current = _current()
        cors.permit(current, response)
        response.headers.add("X-Content-Type-Options", "nosniff")
        observe.end(name, current, response)
        return response


def _current() -> ServiceRequest:
    """The request behind Flask's proxy, which costs a microsecond each time it is asked."""
    current: ServiceRequest = request._get_current_object()  # type: ignore[attr-defined]
    return current
