"""Mail opened in a real browser: it fits a small screen, and what others wrote is text.

KUDOS_TEST_PICTURES=FOLDER keeps the pictures, light and dark.
"""

import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.notifier.channels.rendering import render_html
from services.notifier.channels.samples import PEOPLE, act, sample, view
from services.notifier.channels.unsubscribe_page import render
from services.notifier.channels.wording import write
from services.notifier.domain.notices import KINDS, Notice

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\"'><svg onload=document.title='owned'> {{ 7*7 }} </blockquote></table> <!-- &lt;b&gt; "
    "javascript:alert(1) \u202e txet " + "unbreakable" * 40
)
MEASURED = """
<!doctype html><meta charset="utf-8"><body>
<iframe id="mail" width="360" height="800" srcdoc="%s"></iframe>
<script>
document.getElementById("mail").onload = function () {
  const page = this.contentDocument;
  const wide = [...page.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > 360.5);
  const found = {
    width: page.documentElement.scrollWidth, wide: wide.map(e => e.tagName), title: page.title,
    text: page.body.innerText,
    quotes: [...page.querySelectorAll("blockquote")].map(e => e.innerText),
    elements: [...new Set([...page.querySelectorAll("*")].map(e => e.tagName))],
    links: [...page.querySelectorAll("a")].map(e => e.href),
    loaded: this.contentWindow.performance.getEntriesByType("resource").map(e => e.name),
    small: [...page.querySelectorAll("p,blockquote,a")].filter(
      e => parseFloat(getComputedStyle(e).fontSize) < 13).length,
  };
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = JSON.stringify(found);
};
</script>
"""


def browse(folder: Path, *arguments: str) -> str:
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


def measure(folder: Path, page: str) -> dict[str, Any]:
    """What a browser makes of a mail on a screen that is 360 pixels wide."""
    file = folder / "measured.html"
    file.write_text(MEASURED % html.escape(page), "utf-8")
    found = re.search(
        r'<pre id="found">(.*?)</pre>', browse(folder, "--dump-dom", file.as_uri()), re.S
    )
    assert found is not None
    measured: dict[str, Any] = json.loads(html.unescape(found[1]))
    return measured


def hostile() -> Notice:
    people = {**PEOPLE, "person:ada": {"name": HOSTILE, "team": None}}
    recognition = view("1", message=HOSTILE)
    acts = (act("thanked", recognition), act("declined", recognition, reason=HOSTILE))
    return dataclasses.replace(sample("thanks"), acts=acts, people=people)


def pages() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for language in ("en", "de"):
            notice = sample(kind, language)
            yield f"{kind}.{language}", render_html(write(notice), notice)
    yield "unsubscribe", render("thanks", "en", is_done=False, all_token="x")


@pytest.mark.parametrize("kind", ["thanks", "weekly", "team_weekly", "webhooks"])
def test_it_fits_a_small_screen_and_loads_nothing(kind: str, tmp_path: Path) -> None:
    notice = sample(kind, "de")
    found = measure(tmp_path, render_html(write(notice), notice))
    assert found["wide"] == []
    assert found["width"] <= 360
    assert found["small"] == 0
    assert found["loaded"] == []
    assert all(link.startswith("https://kudos.example.org") for link in found["links"])
    assert write(notice).headline in found["text"]


def test_what_others_wrote_is_text_and_breaks_no_layout(tmp_path: Path) -> None:
    notice = hostile()
    found = measure(tmp_path, render_html(write(notice), notice))
    assert found["wide"] == []
    assert not {"SCRIPT", "IMG", "SVG", "svg"} & set(found["elements"])
    assert found["title"] != "owned"
    assert found["loaded"] == []
    shown = [" ".join(quote.split()) for quote in found["quotes"]]
    assert shown == [" ".join(HOSTILE.replace("\u202e", "").split())] * 2


def test_the_page_to_unsubscribe_fits_a_small_screen(tmp_path: Path) -> None:
    found = measure(tmp_path, render("team_weekly", "de", is_done=False, all_token="x"))
    assert found["wide"] == []
    assert found["width"] <= 360


def test_a_picture_of_it_can_be_taken(tmp_path: Path) -> None:
    folder = Path(os.environ.get("KUDOS_TEST_PICTURES") or tmp_path)
    wanted = dict(pages()) if folder != tmp_path else {"thanks.en": dict(pages())["thanks.en"]}
    for name, page in wanted.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page, "utf-8")
        for scheme in (0, 1):
            picture = folder / f"{name}.{'light' if scheme else 'dark'}.png"
            browse(
                tmp_path, f"--blink-settings=preferredColorScheme={scheme}",
                "--window-size=640,1000", f"--screenshot={picture}", file.as_uri(),
            )  # fmt: skip
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert picture.stat().st_size > 5_000
