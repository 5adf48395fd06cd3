"""The probes of a worker process: /livez, /readyz and /metrics from a thread of its own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from shared.telemetry import METRICS_CONTENT_TYPE, metrics_text


class Health(Protocol):
    """What the probes ask of a worker."""

    def is_alive(self) -> bool:
        """Whether it still moves."""

    def problem(self) -> str | None:
        """Why it is not ready; None when it is."""


class Probes:
    """Serves the probes until closed. Raises OSError when the port is taken."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        handler = type("Handler", (_Handler,), {"health": health})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    timeout = 5

    def do_GET(self) -> None:
        if self.path == "/livez":
            self._answer(200, "alive") if self.health.is_alive() else self._answer(503, "stuck")
        elif self.path == "/readyz":
            problem = self.health.problem()
            self._answer(503 if problem else 200, problem or "ready")
        elif self.path == "/metrics":
            self._answer(200, metrics_text(), METRICS_CONTENT_TYPE)
        else:
            self._answer(404, "try /livez, /readyz or /metrics")

    def _answer(self, status: int, body: str | bytes, kind: str = "text/plain") -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every few seconds: they are not logged."""
