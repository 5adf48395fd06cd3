"""Letters as a message to an incoming webhook: Slack's Block Kit, and the same as text.

Slack shows `blocks`; what others wrote stands there in `plain_text` and `rich_text` only, which
nothing is read into: no mention, no link, no formatting. Mattermost, which has no Block Kit, shows
`text`, in which everything of others is escaped.
https://docs.slack.dev/reference/block-kit/blocks (limits), docs/adr/0088.
"""

from collections.abc import Iterator
from typing import Any

from services.notifier.channels.languages import language_of
from services.notifier.channels.letter import Item, Letter, Section
from services.notifier.channels.markdown import escaped, linked, quoted
from services.notifier.channels.plain import one_line, without_controls
from services.notifier.channels.wording import write
from services.notifier.domain.notices import Notice

Block = dict[str, Any]

BLOCKS = 50
TEXT = 3000
HEADER = 150
_FALLBACK = 3500
"""Of `text`: Mattermost cuts posts at 4,000 characters by default."""
_BUTTON = 75
_QUOTE = 600


def message_of(notice: Notice) -> dict[str, Any]:
    """The body of a POST to an incoming webhook: `text` and `blocks`."""
    letter = write(notice)
    urls = {item.url for section in letter.sections for item in section.items if item.url}
    url = urls.pop() if len(urls) == 1 else notice.links.suite
    return {
        "text": _text(letter, notice, url),
        "blocks": _blocks(letter, notice, url),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(letter: Letter, notice: Notice, url: str) -> list[Block]:
    gettext = language_of(notice.to.language).gettext
    blocks: list[Block] = [{"type": "header", "text": _plain(letter.headline, HEADER)}]
    if letter.lead:
        blocks.append({"type": "section", "text": _plain(letter.lead, TEXT)})
    for section in letter.sections:
        elements = list(_elements(section, letter.headline))
        if elements:
            blocks.append({"type": "rich_text", "elements": elements})
        if section.more:
            blocks.append({"type": "context", "elements": [_plain(section.more, TEXT)]})
    choose = linked(gettext("Choose what you are told"), notice.links.preferences)
    button = {"type": "button", "text": _plain(gettext("Open in Kudos"), _BUTTON), "url": url}
    reason = {"type": "mrkdwn", "text": f"{escaped(letter.reason)} {choose}"}
    return [
        *blocks[: BLOCKS - 2],
        {"type": "actions", "elements": [button]},
        {"type": "context", "elements": [reason]},
    ]


def _elements(section: Section, headline: str) -> Iterator[Block]:
    if section.title:
        yield _line(_words(section.title, bold=True))
    for item in section.items:
        if item.text != headline:
            text = one_line(item.text, 2 * HEADER)
            yield _line(_link(text, item.url) if item.url else _words(text))
        if quote := _shortened(item.quote or ""):
            yield {"type": "rich_text_quote", "elements": [_words(quote)]}
        for note in item.notes:
            yield _line(_words(_shortened(note)))


def _line(element: Block) -> Block:
    return {"type": "rich_text_section", "elements": [element]}


def _words(text: str, *, bold: bool = False) -> Block:
    words = {"type": "text", "text": text}
    return {**words, "style": {"bold": True}} if bold else words


def _link(text: str, url: str) -> Block:
    return {"type": "link", "url": url, "text": text}


def _plain(text: str, most: int) -> Block:
    """Without emoji by name: `:tada:` stays what was written."""
    return {"type": "plain_text", "text": one_line(text, most), "emoji": False}


def _shortened(text: str) -> str:
    """What somebody wrote; nothing when nobody would see it."""
    text = without_controls(text).strip()
    return text if len(text) <= _QUOTE else text[: _QUOTE - 1].rstrip() + "…"


def _text(letter: Letter, notice: Notice, url: str) -> str:
    """The whole message as text, cut between lines when it is too long."""
    gettext = language_of(notice.to.language).gettext
    end = linked(gettext("Open in Kudos"), url)
    lines: list[str] = []
    left = _FALLBACK - len(end)
    for line in _lines(letter):
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    return "\n".join([*lines, end])


def _lines(letter: Letter) -> Iterator[str]:
    yield f"*{escaped(one_line(letter.headline, HEADER))}*"
    if letter.lead:
        yield escaped(letter.lead)
    for section in letter.sections:
        if section.title:
            yield f"*{escaped(section.title)}*"
        for item in section.items:
            yield from _item_lines(item, letter.headline)
        if section.more:
            yield escaped(section.more)


def _item_lines(item: Item, headline: str) -> Iterator[str]:
    if item.text != headline:
        yield escaped(one_line(item.text, 2 * HEADER))
    if quote := _shortened(item.quote or ""):
        yield quoted(quote)
    for note in item.notes:
        yield escaped(_shortened(note))
