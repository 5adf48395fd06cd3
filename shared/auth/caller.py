"""Who calls, what they may, and the marks that say what a route needs.

A view says `@requires(scopes.WRITE)` or `@public`, anywhere among its decorators. The marks are
read once, when the application is made; the check runs before anything of the request is parsed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.auth import scopes
from shared.web.problems import MissingScope, Unauthorized

if TYPE_CHECKING:  # workers and rules use Caller without the web framework
    from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "_kudos_guard"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    `id` names the credentials, for limits and idempotency (`person:ada`, `key:1f...`, or
    `key:1f... for person:ada`); `person` and `partner` are full references.
    """

    id: str
    person: str | None = None
    partner: str | None = None
    scopes: frozenset[str] = frozenset()
    key_id: str | None = None

    def has(self, scope: str) -> bool:
        """Whether the caller holds `scope`; `admin` holds all."""
        return scope in self.scopes or scopes.ADMIN in self.scopes

    def require(self, *needed: str) -> None:
        """Raise MissingScope unless the caller holds every one of `needed`."""
        if not self.scopes.issuperset(needed) and scopes.ADMIN not in self.scopes:
            raise MissingScope(needed)


@dataclass(frozen=True, slots=True)
class Guard:
    """What a route needs: nothing (`is_public`), or a caller with all of `scopes`."""

    is_public: bool
    scopes: tuple[str, ...] = ()


def requires(*needed: str) -> Callable[[View], View]:
    """Mark a view as needing a caller with every scope of `needed` (any caller when empty)."""
    unknown = set(needed) - scopes.ALL
    if unknown:
        raise ValueError(f"not among the scopes: {', '.join(sorted(unknown))}")

    def mark(view: View) -> View:
        setattr(view, _MARK, Guard(is_public=False, scopes=needed))
        return view

    return mark


def public(view: View) -> View:
    """Mark a view as open to everyone, without a token."""
    setattr(view, _MARK, Guard(is_public=True))
    return view


def guard_of(view: Any) -> Guard | None:
    """The guard that a view is marked with."""
    found: Guard | None = getattr(view, _MARK, None)
    return found


def guards(app: "Flask") -> dict[tuple[str, str], Guard]:
    """The guard of every marked (endpoint, method), methods in capitals."""
    return {
        place: guard for place, view in _views(app).items() if (guard := guard_of(view)) is not None
    }


def unguarded_routes(app: "Flask") -> list[str]:
    """Every `METHOD /path` whose view is marked neither with `requires` nor `public`."""
    marked = guards(app)
    return sorted(
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in _methods(rule)
        if (rule.endpoint, method) not in marked
    )


def view_attribute(app: "Flask", name: str) -> dict[tuple[str, str], Any]:
    """`{(endpoint, method): value}` of the views that carry the attribute `name`."""
    return {
        place: getattr(view, name) for place, view in _views(app).items() if hasattr(view, name)
    }


def authenticate_request() -> Caller:
    """The caller of the present request, read from its token; for views that are public but
    also take a caller. Raises Unauthorized, Forbidden or Unavailable."""
    from flask import current_app, request

    caller: Caller | None = getattr(request, "caller", None)
    if caller is None:
        caller = current_app.extensions["kudos_authenticator"].authenticate(request)
        request.caller = caller  # type: ignore[attr-defined]
    return caller


def current_caller() -> Caller:
    """The caller that the guard of the present route let in; Unauthorized where there is none."""
    from flask import request

    caller: Caller | None = getattr(request, "caller", None)
    if caller is None:
        raise Unauthorized("This needs a caller")
    return caller


def _methods(rule: Any) -> set[str]:
    """The methods of a rule that a view answers: Flask answers OPTIONS, and HEAD as GET."""
    methods: set[str] = set(rule.methods)
    if rule.provide_automatic_options:
        methods.discard("OPTIONS")
    if "GET" in methods:
        methods.discard("HEAD")
    return methods


def _views(app: "Flask") -> dict[tuple[str, str], Any]:
    views: dict[tuple[str, str], Any] = {}
    for rule in app.url_map.iter_rules():
        function = app.view_functions[rule.endpoint]
        of_class = getattr(function, "view_class", None)
        for method in _methods(rule):
            view = getattr(of_class, method.lower(), None) if of_class else function
            views[rule.endpoint, method] = view
    return views
