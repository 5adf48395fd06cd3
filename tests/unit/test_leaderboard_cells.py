"""Cells come out as they went in, also those of an earlier version."""

from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.repository.cells import pack_cells, unpack_cells

_NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
_CELLS = st.dictionaries(
    _NAMES,
    st.dictionaries(_NAMES, st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=8), max_size=4),
    max_size=4,
)


@given(_CELLS)
def test_whatever_is_packed_comes_back(cells: dict[str, dict[str, int | bytes]]) -> None:
    assert unpack_cells(pack_cells(cells)) == cells


def test_cells_that_were_stored_as_fields_are_read() -> None:
    stored = {"received|people|t/1|": {"person:ada/l": 3}}
    assert unpack_cells(stored) == {"received|people|t.1|": {"person:ada.l": 3}}
