"""The page behind the link `No more mail of this kind`."""

from typing import Any

from services.notifier.channels.languages import Language, language_of
from services.notifier.channels.rendering import render_page


def render(kind: str, code: str, *, is_done: bool, all_token: str | None = None) -> str:
    """The page in the language `code`: it asks, or says that it is done."""
    values: dict[str, Any] = {"is_done": is_done, "all_token": all_token, "is_all": kind == "all"}
    return render_page("unsubscribe.html", code, title=_title(language_of(code), kind), **values)


def _title(language: Language, kind: str) -> str:
    gettext = language.gettext
    return {
        "all": gettext("all mail of Kudos"),
        "thanks": gettext("thanks to you and your team"),
        "asks": gettext("requests to you and your team"),
        "promises": gettext("answers to requests"),
        "comments": gettext("comments"),
        "reactions": gettext("reactions"),
        "reminders": gettext("reminders"),
        "overdue": gettext("overdue promises"),
        "daily": gettext("the daily digest"),
        "weekly": gettext("the weekly digest"),
        "team_weekly": gettext("the weekly digest of your team"),
        "webhooks": gettext("your webhook endpoints"),
    }[kind]
