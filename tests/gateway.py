"""The gateway of docker-compose.yml for the tests: the real nginx under the configuration that is
shipped, with the addresses and the folder of its temporary files exchanged."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

CONFIGURATION = Path(__file__).parent.parent / "deploy" / "docker" / "nginx.conf"


def program() -> str | None:
    """The path of nginx; None when it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def render(folder: Path, port: int, health_port: int, services: Mapping[str, int]) -> Path:
    """The shipped configuration on loopback: `services` are the ports of the upstreams.

    `resolve` goes too: the nginx of a test machine may be older than the one of the image, and
    there is no name to look up.
    """
    text = CONFIGURATION.read_text()
    for service, upstream in services.items():
        text = _once(rf"server {service}:8000 resolve;", f"server 127.0.0.1:{upstream};", text)
    text = _once(r"listen 8080 default_server;", f"listen 127.0.0.1:{port} default_server;", text)
    text = _once(r"listen 127\.0\.0\.1:8081;", f"listen 127.0.0.1:{health_port};", text)
    text = text.replace(" /tmp/", f" {folder}/")
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


def _once(pattern: str, replacement: str, text: str) -> str:
    changed, count = re.subn(pattern, replacement, text)
    assert count == 1, f"{pattern} stands {count} times in nginx.conf"
    return changed


@contextmanager
def gateway(
    folder: Path, port: int, health_port: int, services: Mapping[str, int]
) -> Iterator[str]:
    """A running gateway: its URL. Its logs are in `folder`."""
    nginx = program()
    assert nginx, "install nginx (Debian: nginx-light)"
    configuration = render(folder, port, health_port, services)
    command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    as_root = ["user root;"] if os.geteuid() == 0 else []  # its folder is the test's own
    command += ["-g", " ".join(["daemon off;", *as_root])]
    with (folder / "access.log").open("wb") as access, (folder / "error.log").open("wb") as error:
        process = subprocess.Popen(command, stdout=access, stderr=error)
    try:
        _wait_until_alive(process, health_port, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_alive(process: subprocess.Popen[bytes], health_port: int, folder: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        connection = HTTPConnection("127.0.0.1", health_port, timeout=5)
        try:
            connection.request("GET", "/livez")
            assert connection.getresponse().status == 200
        except OSError:
            failed = process.poll() is not None or time.monotonic() > deadline
            assert not failed, (folder / "error.log").read_text()
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
