"""What comes from others, made fit for a terminal."""

import unicodedata


def printable(text: str) -> str:
    """`text` in one line, without what a terminal would obey: escape sequences, line breaks, and
    marks that turn the direction of writing, each written out (`\\x1b`)."""
    return "".join(_written_out(each) if _commands(each) else each for each in text)


def _commands(character: str) -> bool:
    is_turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return is_turning or unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
