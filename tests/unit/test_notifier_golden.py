"""What each kind of notice looks like, held to files: tests/golden/notices.

KUDOS_TEST_GOLDEN=renew writes them anew; look at the difference before it is committed.
"""

import json
import os
from pathlib import Path

import pytest

from services.notifier.channels.block_kit import message_of
from services.notifier.channels.mail_message import compose
from services.notifier.channels.samples import sample
from services.notifier.domain.notices import KINDS
from shared.mail_settings import Mailbox
from shared.times import parse_rfc3339

GOLDEN = Path(__file__).parent.parent / "golden" / "notices"
SENDER = Mailbox("kudos@example.org", "Kudos")
NOW = parse_rfc3339("2026-11-25T13:05:00Z")


def rendered(kind: str, language: str) -> dict[str, str]:
    """Name of the file -> what it holds."""
    notice = sample(kind, language)
    mail = compose(notice, SENDER, NOW)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    headers = "".join(
        f"{name}: {value}\n" for name, value in mail.items() if name != "Content-Type"
    )
    chat = json.dumps(message_of(notice), indent=1, ensure_ascii=False) + "\n"
    return {
        f"{kind}.{language}.txt": f"{headers}\n{text.get_content()}",
        f"{kind}.{language}.html": html.get_content(),
        f"{kind}.{language}.json": chat,
    }


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_looks_as_it_did(kind: str, language: str) -> None:
    for name, content in rendered(kind, language).items():
        file = GOLDEN / name
        if os.environ.get("KUDOS_TEST_GOLDEN") == "renew":
            file.write_text(content, "utf-8")
        assert content == file.read_text("utf-8"), name


def test_there_are_no_files_of_what_is_no_more() -> None:
    wanted = {name for kind in KINDS for lang in ("en", "de") for name in rendered(kind, lang)}
    assert {file.name for file in GOLDEN.iterdir()} == wanted
