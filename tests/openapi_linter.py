"""Redocly CLI, which lints OpenAPI documents: one npm package without dependencies, no network."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "tests" / "redocly"
INSTALLED = ROOT / ".redocly"
_CLI = INSTALLED / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"


def missing() -> str | None:
    """What must be installed before documents can be linted here; None when nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "OpenAPI documents are linted with Node.js 20.19 or later and npm: install them"
    return None


def install() -> None:
    """Install the locked version to .redocly/, once, whoever of several processes comes first.

    Raises CalledProcessError, with npm's words, when it cannot.
    """
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (SOURCE / "package-lock.json").read_text()
        done = INSTALLED / "complete"
        if done.exists() and done.read_text() == wanted:
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, INSTALLED / name)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *options], cwd=INSTALLED, check=True, timeout=300)
        done.write_text(wanted)


def lint(document: Path) -> str | None:
    """What the linter finds in a document; None when it finds nothing."""
    install()
    config = SOURCE / "redocly.yaml"
    done = subprocess.run(
        ["node", _CLI, "lint", "--config", config, "--format", "stylish", document],
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return None if done.returncode == 0 else done.stdout + done.stderr
