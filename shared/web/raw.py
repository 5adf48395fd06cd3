"""Whole HTTP/1.1 responses as bytes, for what answers without a web framework."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson

from shared.web.problems import CONTENT_TYPE, Problem


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The head of a response after which the connection ends."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace")


def response(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole response."""
    return head(status, {**headers, "Content-Length": str(len(body))}) + body


def refusal(problem: Problem, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole response that tells `problem`."""
    body = orjson.dumps(problem.document())
    own = {"Content-Type": CONTENT_TYPE, **problem.headers(), **(headers or {})}
    return response(problem.status, body, own)
