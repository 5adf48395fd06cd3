"""The keys of the embedded suite: made once, for its owner's eyes, and never overwritten."""

import dataclasses
import stat
from pathlib import Path

import pytest

from cli import server
from deploy.embedded import folder
from deploy.embedded.folder import Running
from deploy.embedded.secret_keys import FILE, known_secret_keys, secret_keys
from shared.config import ConfigError, Settings
from shared.secret_keys import new_key, parse_key


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    assert known_secret_keys(tmp_path) is None
    first = secret_keys(tmp_path)
    assert parse_key(first).text == first
    assert secret_keys(tmp_path) == known_secret_keys(tmp_path) == first
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_new_key_is_put_before_the_old_one_a_line_each(tmp_path: Path) -> None:
    old = secret_keys(tmp_path)
    new = new_key().text
    (tmp_path / FILE).write_text(f"{new}\n{old}\n")
    assert secret_keys(tmp_path) == f"{new},{old}"


@pytest.mark.parametrize("content", ["", "\n", "no key", "A" * 40, "\xff"])
def test_what_is_no_key_is_refused_in_one_line_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError) as refused:
        secret_keys(tmp_path)
    assert str(tmp_path / FILE) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert (tmp_path / FILE).read_bytes() == content.encode("latin-1")


def test_commands_beside_the_suite_have_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = secret_keys(tmp_path)
    running = Running(1, "http://127.0.0.1:8080", "mongodb://127.0.0.1:1/", "UTC")
    monkeypatch.setattr(folder, "running_suite", lambda _path: running)
    monkeypatch.setattr(server, "load_settings", lambda: Settings(data=tmp_path))
    assert [key.text for key in server.server_settings().secret_keys] == [keys]
    own = dataclasses.replace(Settings(data=tmp_path), secret_keys=(new_key(),))
    monkeypatch.setattr(server, "load_settings", lambda: own)
    assert server.server_settings().secret_keys == own.secret_keys
