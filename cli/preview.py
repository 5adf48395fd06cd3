"""`kudos preview`: what mail and chat messages look like, with made-up people."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.client import CommandError

if TYPE_CHECKING:
    from services.notifier.domain.notices import Notice


@click.command()
@click.argument("kind")
@click.option("--channel", type=click.Choice(["mail", "chat"]), default="mail", show_default=True)
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Like de.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Of the reader.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the HTML (chat: JSON) here.")
@click.option("--open", "opened", is_flag=True, help="Show the mail in a browser.")
def preview(
    kind: str, channel: str, language: str, timezone: str, output: Path | None, opened: bool
) -> None:
    """Show a message of KIND: thanks, asks, promises, comments, reactions, reminders, overdue,
    daily, weekly, team_weekly or webhooks.

    Mail is printed as text, with its headers; chat as the JSON that is posted.

    \b
    Example:
      kudos preview thanks
      kudos preview team_weekly --language de --open
      kudos preview asks --channel chat
    """
    from services.notifier.channels.languages import first_of
    from services.notifier.channels.samples import sample
    from services.notifier.domain.notices import KINDS

    if kind not in KINDS:
        raise CommandError(f"there is no kind {kind}; there are {', '.join(KINDS)}")
    if first_of([language]) != language.lower().partition("-")[0]:
        raise CommandError(f"there is no translation to {language} (docs/mail-and-chat.md)")
    if opened and channel == "chat":
        raise click.UsageError("--open shows mail; leave it out for chat")
    notice = sample(kind, language, timezone)
    text, file = _chat(notice) if channel == "chat" else _mail(notice)
    if output is None and not opened:
        click.echo(text, nl=False)
        return
    output = output or _page_to_open()
    try:
        output.write_text(file, "utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from None
    print(f"Written to {output}.", file=sys.stderr)
    if opened:
        click.launch(str(output.resolve()))


def _mail(notice: "Notice") -> tuple[str, str]:
    """(headers and text, HTML)."""
    from services.notifier.channels.mail_message import compose
    from shared import times
    from shared.config import load_settings
    from shared.mail_settings import Mailbox

    sender = load_settings().mail_from or Mailbox("kudos@example.org", "Kudos")
    message = compose(notice, sender, times.now())
    text, html = (message.get_body((part,)) for part in ("plain", "html"))
    assert text is not None
    assert html is not None
    shown = ("From", "To", "Subject", "List-Unsubscribe")
    headers = "".join(f"{name}: {message[name]}\n" for name in shown)
    return f"{headers}\n{text.get_content()}", html.get_content()


def _chat(notice: "Notice") -> tuple[str, str]:
    import json

    from services.notifier.channels.block_kit import message_of

    body = json.dumps(message_of(notice), indent=2, ensure_ascii=False) + "\n"
    return body, body


def _page_to_open() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="kudos-preview-")) / "mail.html"
