"""The entry point of `kudos`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from shared.config import ConfigError

_COMMANDS = {
    "up": "cli.up:up",
    "serve": "cli.processes:serve",
    "work": "cli.processes:work",
    "config": "cli.settings:config",
    "token": "cli.token:token",
    "key": "cli.key:key",
    "import": "cli.imports:import_file",
    "export": "cli.export:export",
    "thank": "cli.thank:thank",
    "please": "cli.please:please",
    "promise": "cli.please:promise",
    "fulfil": "cli.please:fulfil",
    "owed": "cli.please:owed",
    "board": "cli.board:board",
    "person": "cli.person:person",
    "demo": "cli.demo:demo",
    "preview": "cli.preview:preview",
    "dlq": "cli.dlq:dlq",
    "rebuild": "cli.rebuild:rebuild",
    "secrets": "cli.secrets:secrets",
    "verify": "cli.verify:verify",
}


class _Lazy(click.Group):
    """Imports a command when it is asked for: a worker needs none of the others."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kudos", prog_name="kudos")
def kudos() -> None:
    """Please and thank you between colleagues, departments and partners.

    The commands from import on talk to the suite on this machine, or to the one at KUDOS_URL with
    the token in KUDOS_TOKEN.

    \b
    Start here:
      kudos up          in one terminal
      kudos demo        in another
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `kudos` with `arguments`, or with those of the process, and exit; every refusal is one
    clear text on standard error and a non-zero status."""
    try:
        status: Any = kudos.main(arguments, prog_name="kudos", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _refuse(error.format_message(), error.exit_code)
    except ConfigError as error:
        _refuse(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        _refuse("stopped", 130)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _refuse(text: str, status: int) -> NoReturn:
    print(f"kudos: {text}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
