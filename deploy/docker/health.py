"""The health check of every API and worker container: exit status 0 when the process is ready."""

import sys
from http.client import HTTPConnection, HTTPException

from shared.config import load_settings


def main() -> str | None:
    """None when /readyz answers 200, else why not."""
    settings = load_settings()
    connection = HTTPConnection("127.0.0.1", settings.probe_port or settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return None if answer.status == 200 else body


if __name__ == "__main__":
    sys.exit(main())
