"""Cells as they are stored: all of a document's as one value (BSON). A batch stores thousands of
documents whole, and a database that sees fields reads, compares and logs each (docs/adr/0010)."""

from collections.abc import Mapping
from typing import Any

import bson

_DOT = "/"
"""Stood in names of fields for the dots of ids, when an earlier version stored cells as fields."""


def pack_cells(cells: Mapping[str, Mapping[str, Any]]) -> bytes:
    """What is stored of cells: {cell: {name: number, or bytes}}."""
    return bson.encode(cells)


def unpack_cells(stored: bytes | Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The cells in what `pack_cells` made, or an earlier version."""
    if isinstance(stored, bytes):
        return bson.decode(stored)
    return {
        _name(cell): {_name(name): n for name, n in held.items()} for cell, held in stored.items()
    }


def _name(field: str) -> str:
    return field.replace(_DOT, ".")
