"""What an orchestrator and Prometheus ask of a process: /livez, /readyz and /metrics."""

from collections.abc import Callable

from flask import Blueprint, Response

from shared import telemetry
from shared.auth.caller import public
from shared.web import errors, json
from shared.web.problems import Unavailable


def probes(readiness: Callable[[], list[str]]) -> Blueprint:
    """The blueprint of the probes; `readiness` says what is missing, in words, or nothing."""
    blueprint = Blueprint("probes", __name__)

    @blueprint.get("/livez")
    @public
    def livez() -> Response:
        return json.json_response({"status": "alive"})

    @blueprint.get("/readyz")
    @public
    def readyz() -> Response:
        try:
            missing = readiness()
        except Exception as error:  # whatever fails here is a reason not to be sent requests
            telemetry.log.warning("readiness_failed", exc_info=True)
            missing = [f"{type(error).__name__}: {error}"]
        if missing:
            return errors.answer(Unavailable("; ".join(missing), missing=missing))
        return json.json_response({"status": "ready"})

    @blueprint.get("/metrics")
    @public
    def metrics() -> Response:
        return Response(telemetry.metrics_text(), content_type=telemetry.METRICS_CONTENT_TYPE)

    return blueprint
