"""A progress bar with the time that is left, for what goes through several stages."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import click

_STEPS = 500


class Stages:
    """A bar for each stage, on a terminal only; where nobody knows how much there is, a count.

    `labels` are what the stages are called, by their names.
    """

    def __init__(self, labels: Mapping[str, str], *, is_shown: bool | None = None) -> None:
        self._labels = labels
        self._is_shown = sys.stderr.isatty() if is_shown is None else is_shown
        self._stage = ""
        self._count = 0
        self._bar: Any = None
        self._open = ExitStack()

    def __enter__(self) -> "Stages":
        """Nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cursor on a new line."""
        self._end()

    def __call__(self, what: str, more: int, in_all: int | None = None, /) -> None:
        """Show that `more` was done of a stage that has about `in_all`."""
        if not self._is_shown:
            return
        if what != self._stage:
            self._begin(what, in_all)
        self._count += more
        if self._bar is not None:
            self._bar.update(more)
        else:
            label = self._labels.get(what, what)
            click.echo(f"\r{label}  {self._count:,}  ", nl=False, err=True)

    def _begin(self, what: str, in_all: int | None) -> None:
        self._end()
        self._stage, self._count = what, 0
        if in_all:
            steps = max(1, in_all // _STEPS)
            bar: Any = click.progressbar(
                length=in_all,
                label=self._labels.get(what, what),
                file=sys.stderr,
                update_min_steps=steps,
            )
            self._bar = self._open.enter_context(bar)

    def _end(self) -> None:
        if self._bar is None and self._stage:
            click.echo(err=True)
        self._open.close()
        self._open = ExitStack()
        self._bar, self._stage = None, ""
