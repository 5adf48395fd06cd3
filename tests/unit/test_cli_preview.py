"""`kudos preview`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.preview import preview
from services.notifier.domain.notices import KINDS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(preview, arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_as_mail_and_as_chat(kind: str) -> None:
    mail = run(kind)
    assert mail.exit_code == 0, mail.output
    assert "To: Grace Hopper <grace@example.org>\n" in mail.stdout
    assert json.loads(run(kind, "--channel", "chat").stdout)["blocks"]


def test_in_another_language_and_time_zone() -> None:
    shown = run("asks", "--language", "de", "--timezone", "Asia/Tokyo").stdout
    assert "Subject: Ada Lovelace bittet dich um etwas\n" in shown
    assert "Gebraucht bis Fr, 27. Nov. 2026, 22:00 Uhr JST" in shown


def test_it_writes_the_html(tmp_path: Path) -> None:
    file = tmp_path / "mail.html"
    result = run("thanks", "--output", str(file))
    assert result.stderr == f"Written to {file}.\n"
    assert result.stdout == ""
    assert file.read_text().startswith("<!doctype html>")


def test_it_opens_what_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    assert run("thanks", "--open").exit_code == 0
    (file,) = opened
    assert Path(file).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kudos"], "there is no kind kudos; there are thanks, asks"),
        (["thanks", "--language", "tlh"], "no translation to tlh"),
        (["thanks", "--output", "/nowhere/x.html"], "cannot write /nowhere/x.html"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr


def test_chat_is_not_for_a_browser() -> None:
    assert run("thanks", "--channel", "chat", "--open").exit_code == 2
