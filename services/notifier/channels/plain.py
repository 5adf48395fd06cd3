"""What others wrote, made fit for a line, a mail, a chat message."""

import unicodedata

_BREAKS = {"\r\n": "\n", "\r": "\n", "\u2028": "\n", "\u2029": "\n", "\x85": "\n"}
_TURNING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def without_controls(text: str) -> str:
    """`text` with `\\n` as its only line break, without other control characters (tabs stay) and
    without marks that turn the direction of what stands around it."""
    for found, meant in _BREAKS.items():
        text = text.replace(found, meant)
    return "".join(each for each in text if each in "\n\t" or not _is_control(each))


def one_line(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters."""
    line = " ".join(without_controls(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _is_control(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in {"Cc", "Cs"}
