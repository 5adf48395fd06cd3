"""What people are told, in their language: catalogues of gettext, times in their time zone.

Texts are English in the code; locale/messages.pot lists them, locale/<language> holds their
translations. docs/mail-and-chat.md says how to add one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from zoneinfo import ZoneInfo

from shared.times import parse_rfc3339

SOURCE = "en"
DOMAIN = "messages"
_NAMED = 3


class Language:
    """The texts of one language. `gettext`, `ngettext` and `pgettext` are those of gettext."""

    def __init__(self, code: str, catalogue: NullTranslations) -> None:
        self.code = code
        self._catalogue = catalogue

    def gettext(self, text: str) -> str:
        """The translation of `text`, or itself."""
        return self._catalogue.gettext(text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The translation for `count` of something."""
        return self._catalogue.ngettext(one, many, count)

    def pgettext(self, context: str, text: str) -> str:
        """The translation of `text` where it means `context`."""
        return self._catalogue.pgettext(context, text)

    def names(self, names: Sequence[str], more: int = 0) -> str:
        """`Ada`, `Ada and Bob`, `Ada, Bob and Cyd`, `Ada, Bob and 3 others`: at most three names;
        `more` are not named in any case. There is at least one name."""
        named = list(names) if len(names) <= _NAMED and not more else list(names[: _NAMED - 1])
        others = len(names) + more - len(named)
        if others:
            text = self.ngettext("{names} and {count} other", "{names} and {count} others", others)
            return text.format(names=", ".join(named), count=others)
        if len(named) == 1:
            return named[0]
        text = self.gettext("{names} and {last}")
        return text.format(names=", ".join(named[:-1]), last=named[-1])

    def time(self, instant: datetime | str, zone: tzinfo) -> str:
        """An instant (or its RFC 3339 text) as the clock on the wall says, with the zone's name:
        `Fri 27 Nov 2026, 14:00 CET`."""
        at = _aware(instant).astimezone(zone)
        return self.gettext("{day}, {hour:02}:{minute:02} {zone}").format(
            day=self.day(at, zone), hour=at.hour, minute=at.minute, zone=at.tzname() or ""
        )

    def day(self, instant: datetime | str, zone: tzinfo) -> str:
        """The day of an instant: `Fri 27 Nov 2026`."""
        at = _aware(instant).astimezone(zone)
        weekdays, months = self._weekdays(), self._months()
        return self.gettext("{weekday} {day} {month} {year}").format(
            weekday=weekdays[at.weekday()], day=at.day, month=months[at.month - 1], year=at.year
        )

    def _weekdays(self) -> list[str]:
        return self.gettext("Mon Tue Wed Thu Fri Sat Sun").split()

    def _months(self) -> list[str]:
        return self.gettext("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()


@lru_cache(maxsize=64)
def language_of(code: str) -> Language:
    """The language that `code` (BCP 47: `de`, `de-AT`) asks for; English when there is none."""
    wanted = code.lower().replace("_", "-").partition("-")[0]
    return _languages().get(wanted) or _languages()[SOURCE]


def first_of(accepted: Iterable[str]) -> str:
    """The first of `accepted` (BCP 47, the preferred first) that there is; else English."""
    primary = [code.lower().partition("-")[0] for code in accepted]
    return next((code for code in primary if code in _languages()), SOURCE)


def zone_of(name: str | None) -> ZoneInfo:
    """The time zone of that name; UTC for none, and for one that there is not any more."""
    try:
        return ZoneInfo(name or "UTC")
    except (OSError, ValueError, KeyError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=1)
def _languages() -> dict[str, Language]:
    found = {SOURCE: Language(SOURCE, NullTranslations())}
    for folder in (files(__package__) / "locale").iterdir():
        compiled = folder / "LC_MESSAGES" / f"{DOMAIN}.mo"
        if folder.is_dir() and compiled.is_file():
            with compiled.open("rb") as opened:
                found[folder.name] = Language(folder.name, GNUTranslations(opened))
    return found


def _aware(instant: datetime | str) -> datetime:
    return parse_rfc3339(instant) if isinstance(instant, str) else instant
