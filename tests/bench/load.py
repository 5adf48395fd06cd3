"""Load from a second process (wrk), and what it measured."""

import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS = 16


@dataclass(frozen=True)
class Measured:
    """Requests per second, and how many answers were not 2xx."""

    rate: float
    failures: int


def require_wrk() -> None:
    """Say what is missing rather than fail in the middle."""
    if shutil.which("wrk") is None:
        raise SystemExit("make bench needs wrk (Debian: apt-get install wrk)")


def load(
    url: str,
    *,
    seconds: int,
    headers: Mapping[str, str],
    body: str | None = None,
    with_keys: bool = False,
) -> Measured:
    """Requests from sixteen kept-alive connections, each as soon as the one before is answered.

    With a body they are POSTs, in which `#N#` is a number of each request's own and `#P#` one of
    0000 to 0999; `with_keys` gives each an Idempotency-Key of its own.
    """
    script = [f'wrk.method = "{"POST" if body else "GET"}"']
    script += [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    if body:
        script += [f"wrk.body = [==[{body}]==]", 'wrk.headers["Content-Type"] = "application/json"']
        script += [
            "local count, run = 0, tostring(os.time()) .. tostring({}):sub(8)",
            "local body = wrk.body",
            "request = function()",
            "  count = count + 1",
            '  local own = body:gsub("#N#", run .. "-" .. count)',
            '  own = own:gsub("#P#", string.format("%04d", count % 1000))',
        ]
        if with_keys:
            script.append('  wrk.headers["Idempotency-Key"] = run .. "-" .. count')
        script += ["  return wrk.format(nil, nil, nil, own)", "end"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("\n".join(script))
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", file.name, url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    failures = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    assert rate, output
    return Measured(float(rate[1]), int(failures[1]) if failures else 0)


def median_ratio(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The median, lowest and highest ratio of pairs (ours, floor) measured one after another."""
    ratios = sorted(ours / floor for ours, floor in pairs)
    return statistics.median(ratios), ratios[0], ratios[-1]
