"""What every request leaves behind: its id, one log line and its metrics."""

import re
import time
from functools import lru_cache
from typing import Any

from flask import Flask, Response
from prometheus_client import Counter, Histogram

from shared import ids, telemetry

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

REQUESTS = Counter(
    "kudos_http_requests", "HTTP requests answered", ["service", "method", "route", "status"]
)
SECONDS = Histogram(
    "kudos_http_request_seconds",
    "Time to the first byte of the answer",
    ["service", "method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def begin(request: Any) -> None:
    """Give the request its id: the caller's `X-Request-Id` when it is a plain word, else a new
    one. Logs carry it, and events made for the request do."""
    request.began = time.perf_counter()
    given = request.headers.get("X-Request-Id")
    if given is None or not _REQUEST_ID.fullmatch(given):
        given = ids.new_id()
    request.id = given
    telemetry.request_id.set(given)


def end(service: str, request: Any, response: Response) -> None:
    """Tell the id, count and time the request, and log it in one line."""
    if request.id is None:  # it failed before it began: a request that cannot be read
        return
    response.headers.add("X-Request-Id", request.id)
    seconds = time.perf_counter() - request.began
    rule = request.url_rule
    route = rule.rule if rule is not None else "unmatched"
    method = request.method if rule is not None else "any"
    requests, histogram = _metrics(service, method, route, response.status_code)
    requests.inc()
    histogram.observe(seconds)
    telemetry.log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        caller=request.caller.id if request.caller else None,
    )


def forget(_error: BaseException | None = None) -> None:
    """Take the id off the thread, so that what it does next is not logged under it."""
    telemetry.request_id.set(None)


@lru_cache(maxsize=4096)
def _metrics(service: str, method: str, route: str, status: int) -> tuple[Any, Any]:
    """The children of the two metrics; looking them up by labels costs more than counting."""
    return (
        REQUESTS.labels(service, method, route, str(status)),
        SECONDS.labels(service, method, route),
    )


def register(app: Flask) -> None:
    """Let the id go at the end of each request of `app`."""
    app.teardown_request(forget)
