"""What `kudos up` says once the suite is ready."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from shared.config import Settings

DEMO_PEOPLE = ("ada", "grace")


def welcome(settings: Settings, url: str, people: Sequence[str], seconds: float) -> str:
    """The URL, how to get a token, and a curl that posts a kudos, for the terminal.

    `people` are ids of the directory; with fewer than two it is called empty.
    """
    kudos = command(settings)
    lines = [f"Kudos is ready after {seconds:.1f} s: {url}/", ""]
    if settings.jwks_url:
        lines += [f"Tokens come from {settings.jwt_issuer}; put one into KUDOS_TOKEN."]
        token = "$KUDOS_TOKEN"  # noqa: S105
    else:
        lines += [f"In a browser:   {url}/sign-in"]
    giver, recipient = people[:2] if len(people) > 1 else DEMO_PEOPLE
    if not settings.jwks_url:
        lines += ["In another terminal, in this folder:"]
        if len(people) < 2:
            lines += [f"  A company:    {kudos} demo     (the directory is empty; do this first)"]
        lines += [f"  A token:      {kudos} token --as {giver}"]
        token = f"$({kudos} token --as {giver})"
    lines += [
        "  A kudos:",
        "",
        f"curl -i {url}/recognition/v1/recognitions \\",
        f'  -H "Authorization: Bearer {token}" \\',
        '  -H "Content-Type: application/json" \\',
        f'  -d \'{{"kind": "thank_you", "recipients": ["person:{recipient}"], '
        '"message": "Thank you for your help today!"}\'',
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def command(settings: Settings) -> str:
    """How `kudos` is called from the present folder, on this data."""
    program = Path(sys.executable).with_name("kudos")
    on_path = shutil.which("kudos")
    if on_path and Path(on_path).samefile(program):
        name = "kudos"
    else:
        name = quote(str(_from_here(program)))
    default = type(settings)().data
    data = (
        "" if settings.data == default else f"KUDOS_DATA={quote(str(_from_here(settings.data)))} "
    )
    return data + name


def _from_here(path: Path) -> Path:
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path
