"""What a rebuild keeps in files: all of it comes back, in memory or not; no room is said so."""

import resource
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.leaderboard.rebuild import piles
from services.leaderboard.rebuild.piles import Piles
from services.leaderboard.rebuild.scratch import Scratch
from shared.config import ConfigError

cells = st.dictionaries(
    st.sampled_from(["a|", "b|x", "|"]),
    st.dictionaries(st.sampled_from("pqrstuvw"), st.integers(-2, 3), min_size=1),
)


@pytest.fixture
def small_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_no_room_is_said_and_what_was_kept_is_still_there() -> None:
    scratch = Scratch()
    kept = scratch.append(b"kept")
    for _ in range(2):  # the first is written in part, the second not at all
        with pytest.raises(ConfigError, match="name a folder that has it in TMPDIR"):
            scratch.append(bytes(2**20))
    assert scratch.read(kept) == b"kept"
    scratch.close()


def test_no_folder_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"\(No such file or directory\): name a folder"):
        Scratch()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), cells, st.booleans()), max_size=12),
    st.integers(0, 12),
    st.integers(1, 4),
)
def test_what_was_added_to_a_pile_is_taken_from_it(
    monkeypatch: pytest.MonkeyPatch,
    added: list[tuple[str, dict[str, dict[str, int]], bool]],
    kept: int,
    at_once: int,
) -> None:
    monkeypatch.setattr(piles, "MOST_KEPT", kept)
    monkeypatch.setattr(piles, "_AT_ONCE", at_once)
    held, expected = Piles(), Counter[tuple[str, str, str]]()
    for name, some, is_written in added:
        for cell, entries in some.items():
            for entry, number in entries.items():
                expected[name, cell, entry] += number
        if is_written:
            held.write(name, some)
        else:
            held.add(name, {cell: dict(entries) for cell, entries in some.items()})
    for name in held.names():
        size = held.size(name)
        some_of = held.read(name, lambda entry: entry in "pqr")
        found = held.take(name)
        assert size >= sum(map(len, found.values()))
        assert some_of == {
            cell: {entry: n for entry, n in entries.items() if entry in "pqr"}
            for cell, entries in found.items()
            if any(entry in "pqr" for entry in entries)
        }
        for cell, entries in found.items():
            for entry, number in entries.items():
                assert expected.pop((name, cell, entry)) == number
    assert held.names() == []
    assert not +expected
    assert not any(expected.values())
    held.close()
