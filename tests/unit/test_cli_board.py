"""What `kudos board` prints of a board."""

from typing import Any

import pytest

from cli.board import _print_table


def page(**fields: Any) -> dict[str, Any]:
    period = {"id": "2026-11", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    nothing = {"total": 0, "me": None, "left_out": [], "as_of": None}
    lag = {"seconds": None, "warning": None}
    return {"board": "received", "period": period, "lag": lag, **nothing, **fields}


def test_an_empty_board_says_as_of_when_and_that_it_lags(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lag = {"seconds": 22.0, "warning": "This is 22 seconds old"}
    _print_table(page(as_of="2026-11-26T01:21:56Z", lag=lag), [])
    shown = capsys.readouterr()
    assert "Nobody yet, as of 2026-11-26T01:21:56Z\n" in shown.out
    assert "This is 22 seconds old" in shown.err


def test_a_board_before_the_first_event_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    _print_table(page(), [])
    assert capsys.readouterr().out.endswith("Nobody yet.\n")
