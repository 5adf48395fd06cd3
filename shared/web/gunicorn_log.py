"""What gunicorn says, in our log."""

from typing import Any

from shared import telemetry

_SAID_BETTER = ("Shutting down: %s", "Reason: %s", "Worker (pid:%s) exited with code %s.")


class Log:
    """Gunicorn's messages in our log; its access log is not used, ours has the request id."""

    def __init__(self, _config: Any) -> None:
        self._log = telemetry.log.bind(logger="gunicorn")

    def critical(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("critical", message, args)

    def error(self, message: str, *args: Any, **_options: Any) -> None:
        """Gunicorn's words about a worker that ended come after that worker's own."""
        self._tell("debug" if message in _SAID_BETTER else "error", message, args)

    def warning(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("warning", message, args)

    def info(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("debug", message, args)

    def debug(self, message: str, *args: Any, **_options: Any) -> None:
        """Gunicorn's debugging, one line per connection, helps nobody who runs Kudos."""

    def exception(self, message: str, *args: Any, **_options: Any) -> None:
        self._log.error(message % args if args else message, exc_info=True)

    def log(self, _level: int, message: str, *args: Any, **_options: Any) -> None:
        self._tell("info", message, args)

    def access(self, *_args: Any) -> None:
        """Requests are logged by `shared.web.observe`."""

    def reopen_files(self) -> None:
        """There are none."""

    def close_on_exec(self) -> None:
        """There are none."""

    def _tell(self, level: str, message: str, args: tuple[Any, ...]) -> None:
        getattr(self._log, level)(message % args if args else message)
