"""Logs (structlog, JSON lines on standard error) and metrics (Prometheus) of every process."""

import logging
import os
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the HTTP request, or of the event, that the present work is done for."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def _add_request_id(_logger: Any, _method: str, event: Any) -> Any:
    current = request_id.get()
    if current:
        event.setdefault("request_id", current)
    return event


def configure_logging(process: str, level: str = "info") -> None:
    """One JSON object a line on standard error, each with `process`, `level` and `at`.

    What libraries log through `logging` goes the same way, from warnings up.
    """
    processors: list[Any] = [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", key="at"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            *processors,
            lambda _logger, _method, event: {"process": process, **event},
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            record.getMessage(),
            logger=record.name,
            exc_info=record.exc_info or None,
        )


def metrics_text() -> bytes:
    """The metrics of this process, or of all that share PROMETHEUS_MULTIPROC_DIR."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    from prometheus_client import multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
