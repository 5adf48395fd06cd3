"""Text for chat services that read marks in it: Slack's mrkdwn and Mattermost's Markdown."""

import re

from services.notifier.channels.plain import without_controls

_JOINER = "\u2060"
"""WORD JOINER: nobody sees it, and what it stands in is no mention, no address and no emoji."""
_ESCAPED = re.compile(r"[\\*_~`\[\]|#]")
_AT_LINE_START = re.compile(r"^(\s*)([-+]|\d+(?=[.)]))(?=[\s.)]|$)", re.M)
_MEANT = re.compile(r"@(?=[\w\u2060])|://|\bwww\.|:(?=[\w+-]+:)", re.I)


def escaped(text: str) -> str:
    """`text` so that it is shown and does nothing: no mention, link, formatting or emoji by name.

    `&`, `<` and `>` become entities, as Slack asks; Markdown's marks get a backslash; mentions,
    addresses and emoji are parted by a character that nobody sees.
    """
    text = without_controls(text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MEANT.sub(lambda found: f"{found[0][0]}{_JOINER}{found[0][1:]}", text)
    text = _ESCAPED.sub(r"\\\g<0>", text)
    return _AT_LINE_START.sub(_not_a_list, text)


def quoted(text: str) -> str:
    """`text`, escaped, as a quotation."""
    return "\n".join(f">{line}" for line in escaped(text).split("\n"))


def linked(label: str, url: str) -> str:
    """A link of ours; `label` is ours, too."""
    safe = url.replace("&", "&amp;").replace("|", "%7C").replace("<", "%3C").replace(">", "%3E")
    return f"<{safe}|{escaped(label)}>"


def _not_a_list(found: re.Match[str]) -> str:
    is_mark = found[2] in "-+"
    return f"{found[1]}\\{found[2]}" if is_mark else f"{found[1]}{found[2]}{_JOINER}"
