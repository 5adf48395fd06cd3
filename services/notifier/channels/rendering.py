"""Letters as HTML and as text: Jinja2 over templates/, everything that is HTML escaped."""

import textwrap
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template, select_autoescape
from markupsafe import Markup, escape

from services.notifier.channels.languages import Language, language_of
from services.notifier.channels.letter import Letter
from services.notifier.channels.plain import without_controls
from services.notifier.domain.notices import Notice

_WIDTH = 72
_EXTENSIONS = (".html", ".txt")


def render_html(letter: Letter, notice: Notice) -> str:
    """The HTML part of a mail: one self-contained page, no script, nothing loaded from anywhere."""
    return _render("mail.html", letter, notice)


def render_text(letter: Letter, notice: Notice) -> str:
    """The text part of a mail, lines of up to 72 characters; longer words stay whole."""
    return _render("mail.txt", letter, notice)


def render_page(name: str, code: str, **values: Any) -> str:
    """A page of templates/ in the language `code`."""
    language = language_of(code)
    return _template(name).render(lang=language.code, **_functions(language), **values)


def _render(name: str, letter: Letter, notice: Notice) -> str:
    language = language_of(notice.to.language)
    urls = [item.url for section in letter.sections for item in section.items if item.url]
    is_single = len(set(urls)) == 1
    return _template(name).render(
        lang=language.code,
        letter=letter,
        links=notice.links,
        is_single=is_single,
        button=urls[0] if is_single else notice.links.suite,
        **_functions(language),
    )


def _functions(language: Language) -> dict[str, Any]:
    return {"_": language.gettext, "gettext": language.gettext, "ngettext": language.ngettext}


def _template(name: str) -> Template:
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    folder = files(__package__) / "templates"
    texts = {
        each.name: each.read_text("utf-8")
        for each in folder.iterdir()
        if each.name.endswith(_EXTENSIONS)
    }
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=select_autoescape(("html",), default=True, disabled_extensions=("txt",)),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters |= {"wrap": _wrapped, "lines": _lines}
    return environment


def _finalize(value: Any) -> Any:
    """What others wrote may hold characters that HTML cannot."""
    return without_controls(value) if type(value) is str else value


def _lines(text: str) -> Markup:
    """Escaped, with its line breaks."""
    return Markup("<br>\n").join(escape(line) for line in without_controls(text).split("\n"))


def _wrapped(text: str, first: str = "", following: str = "") -> str:
    """Lines of a paragraph each; those after the first line begin with `following`."""
    lines: list[str] = []
    for paragraph in without_controls(text).split("\n"):
        beginning = following if lines else first
        lines += textwrap.wrap(
            paragraph,
            _WIDTH,
            initial_indent=beginning,
            subsequent_indent=following,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [beginning.rstrip()]
    return "\n".join(lines)
