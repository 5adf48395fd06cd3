"""The catalogues of gettext hold what the code says, wholly translated, compiled as they stand."""

import io
import string
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import services.notifier.channels as channels

ROOT = Path(channels.__file__).parent
LOCALE = ROOT / "locale"
LANGUAGES = sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/messages.po"))
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def read(path: Path) -> Catalog:
    with path.open("rb") as opened:
        return read_po(opened)


def texts(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_template_holds_every_text_of_the_code() -> None:
    found = {text for _, _, text, _, _ in extract_from_dir(ROOT, METHODS, keywords=KEYWORDS)}
    assert texts(read(LOCALE / "messages.pot")) == found, "make translations"


def test_there_is_a_translation() -> None:
    assert "de" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_complete_and_keeps_the_placeholders(language: str) -> None:
    catalog = read(LOCALE / language / "LC_MESSAGES" / "messages.po")
    assert texts(catalog) == texts(read(LOCALE / "messages.pot"))
    for message in catalog:
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(strings), message.id
        assert not message.fuzzy, message.id
        for said in strings:
            assert placeholders(said) == placeholders(ids[-1]), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"
    anew = io.BytesIO()
    write_mo(anew, read(folder / "messages.po"))
    anew.seek(0)
    with (folder / "messages.mo").open("rb") as opened:
        assert texts_of(GNUTranslations(opened)) == texts_of(GNUTranslations(anew)), (
            "make translations"
        )


def texts_of(compiled: GNUTranslations) -> dict[object, object]:
    """All but the header, in which babel writes the minute; of that the rule of plurals."""
    held = dict(vars(compiled)["_catalog"])
    return {**held, "": compiled.info()["plural-forms"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_and_months_are_all_there(language: str) -> None:
    by_id = {m.id: m.string for m in read(LOCALE / language / "LC_MESSAGES" / "messages.po")}
    for text in ("Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"):
        assert len(str(by_id[text]).split()) == len(text.split())
