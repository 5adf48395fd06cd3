"""How the commands talk to a suite: the one on this machine, or the one at KUDOS_URL."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode

import click
import urllib3

from cli.terminal import printable
from shared.config import load_settings
from shared.references import parse_reference

_PERSON_OF_THE_CLI = "kudos-cli"
_LARGEST_PROBLEM = 1024 * 1024


class CommandError(click.ClickException):
    """A command could not do what it was asked; the text says why."""


class Api:
    """The API of one suite under one token. Raises CommandError for every refusal."""

    def __init__(self, url: str, token: str, person: str | None = None) -> None:
        """`person` (a full reference) is whom the calls are made for, when the token is not
        theirs."""
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "kudos-cli"}
        if person:
            self._headers["Kudos-On-Behalf-Of"] = person
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON document at `path`."""
        fields = {name: value for name, value in (query or {}).items() if value is not None}
        with self.stream("GET", path, fields=fields) as answer:
            return json.loads(answer.data)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """What the suite answers to `body` as JSON."""
        content = json.dumps(body, ensure_ascii=False).encode()
        kind = {"Content-Type": "application/json"}
        with self.stream("POST", path, body=content, headers={**kind, **(headers or {})}) as answer:
            return json.loads(answer.data)

    def stream(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, Any] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = 60.0,
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body not read yet; close it. `read_seconds` is the longest silence."""
        answer = self.try_stream(
            method, path, fields=fields, body=body, headers=headers, read_seconds=read_seconds
        )
        if answer.status >= 300:
            self.refuse(answer)
        return answer

    def try_stream(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, Any] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = 60.0,
    ) -> urllib3.BaseHTTPResponse:
        """The answer as `stream` gives it, whatever its status."""
        if fields:
            path += "?" + urlencode(fields)
        try:
            return self._pool.request(
                method,
                self.url + path,
                body=body,
                headers={**self._headers, **(headers or {})},
                preload_content=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=5.0, read=read_seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(self._unreachable(error)) from None

    def refuse(self, answer: urllib3.BaseHTTPResponse) -> NoReturn:
        """Raise CommandError with what the problem document of `answer` says."""
        with answer:
            raise CommandError(problem_text(answer, self.url))

    def _unreachable(self, error: Exception) -> str:
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            return f"nothing answers at {self.url}: is the suite running? Start it with `make up`"
        if isinstance(error, urllib3.exceptions.TimeoutError):
            return f"{self.url} took too long to answer"
        return f"the connection to {self.url} failed: {error}"


def connect(person: str | None = None, *, needs_person: bool = False) -> Api:
    """The suite of KUDOS_URL under KUDOS_TOKEN, else the one on this machine.

    `person` is an id or reference: on this machine a demo token is issued for them, with every
    scope; elsewhere the calls are made on their behalf, which the token's key must allow. With
    `needs_person` somebody must be named, by `person` or by the token.
    """
    url, given = os.environ.get("KUDOS_URL", "").strip(), os.environ.get("KUDOS_TOKEN", "").strip()
    reference = person_reference(person) if person else None
    if url and not url.startswith(("http://", "https://")):
        raise CommandError(f"KUDOS_URL: {url!r} is not accepted: wanted http://... or https://...")
    if url and not given:
        raise CommandError("KUDOS_URL is set, so KUDOS_TOKEN must be: a token or an API key")
    if not url:
        url = local_url()
    if given:
        return Api(url, given, reference)
    if needs_person and not reference:
        raise CommandError("say who: --as PERSON")
    return Api(url, demo_token(reference or _PERSON_OF_THE_CLI))


def local_url() -> str:
    """Where the suite on this machine answers: as it said itself, else as the settings say."""
    from deploy.embedded.folder import running_suite

    settings = load_settings()
    suite = running_suite(settings.data)
    return suite.url if suite else f"http://127.0.0.1:{settings.port}"


def demo_token(
    person: str, wanted: Iterable[str] | None = None, ttl_seconds: int = 24 * 3600
) -> str:
    """A token of the demo issuer on this machine, for a person; with every scope by default."""
    from shared.auth import demo, scopes
    from shared.config import ConfigError

    settings = load_settings()
    if settings.jwks_url:
        raise ConfigError(
            f"this suite takes the tokens of {settings.jwt_issuer}: put one into KUDOS_TOKEN"
        )
    if not demo.has_issued(settings):
        raise CommandError(
            f"is the suite running? None was started on {settings.data.absolute()} yet: run "
            "`kudos up` (or `make up`), name its folder in KUDOS_DATA, or one elsewhere in "
            "KUDOS_URL and KUDOS_TOKEN"
        )
    try:
        return demo.issue(settings, person, set(wanted or scopes.ALL), ttl_seconds)
    except ValueError as error:
        raise CommandError(str(error)) from None


def problem_text(answer: urllib3.BaseHTTPResponse, url: str) -> str:
    """A refusal in words: of a problem document (RFC 9457), else of the status."""
    content = answer.read(_LARGEST_PROBLEM)
    try:
        problem = json.loads(content)
        title = problem["title"]
    except (ValueError, TypeError, KeyError):
        return f"{url} answered {answer.status} {answer.reason or ''}; is that Kudos?"
    return describe_problem({"title": title, **problem})


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Title, detail, and each error with its pointer, as lines."""
    text = printable(str(problem["title"]))
    if problem.get("detail"):
        text += f": {printable(str(problem['detail']))}"
    for error in problem.get("errors") or ():
        pointer = error.get("pointer") or "the whole"
        text += "\n  " + printable(f"{pointer}: {error.get('detail', '')}")
    if further := problem.get("further_errors"):
        text += f"\n  and {further:,} more"
    return text


def person_reference(text: str) -> str:
    """The full reference of a person; raises CommandError for what is none."""
    try:
        reference = parse_reference(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not reference.startswith("person:"):
        raise CommandError(f"{text!r} is no person")
    return reference
