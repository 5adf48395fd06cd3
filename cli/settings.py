"""`kudos config`."""

import json
import shutil
import textwrap
from dataclasses import asdict

import click

from shared.config import describe, load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def config(as_json: bool) -> None:
    """Print every setting with its value and meaning; * marks what differs from the default.

    \b
    Example:
      KUDOS_PORT=9000 kudos config
    """
    settings = describe(load_settings())
    if as_json:
        click.echo(json.dumps([asdict(setting) for setting in settings], indent=2))
        return
    name_width = max(len(setting.variable) for setting in settings)
    value_width = min(32, max(len(setting.value) for setting in settings))
    room = max(24, shutil.get_terminal_size((100, 24)).columns - name_width - value_width - 6)
    for setting in settings:
        mark = " " if setting.is_default else "*"
        first, *rest = textwrap.wrap(setting.meaning, room)
        value = setting.value or "-"
        if len(value) > value_width:
            click.echo(f"{mark} {setting.variable:<{name_width}}  {value}")
            rest.insert(0, first)
        else:
            click.echo(f"{mark} {setting.variable:<{name_width}}  {value:<{value_width}}  {first}")
        for line in rest:
            click.echo(" " * (name_width + value_width + 6) + line)
