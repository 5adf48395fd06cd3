"""Who and what a notice speaks of, seen by its addressee: names, `you`, times."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.notifier.channels.languages import language_of, zone_of
from services.notifier.channels.letter import Item, recognition_url
from services.notifier.channels.plain import one_line
from services.notifier.domain.notices import Notice
from shared.references import id_of, kind_of

View = Mapping[str, Any]

_NAME = 100


class Words:
    """Helps to put one notice into words."""

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.me = notice.to.reference
        self.language = language_of(notice.to.language)
        self.zone = zone_of(notice.to.timezone)
        self._people = notice.people

    def name(self, reference: str) -> str:
        """The name of a person, team or partner; the id of one that is not known."""
        found = self._people.get(reference, {}).get("name") or ""
        return one_line(found, _NAME) or id_of(reference)

    def names(self, references: Iterable[str], *before: str) -> str:
        """Several names, each once; `before` stand in front of them."""
        names = [self.name(each) for each in dict.fromkeys(references)]
        return self.language.names([*before, *names])

    def is_me(self, reference: str | None) -> bool:
        """Whether it is the addressee."""
        return reference == self.me

    def my_group(self, recognition: View) -> str | None:
        """The name of the addressee's team or partner when that is what received it."""
        mine = self._people.get(self.me, {}).get("team")
        groups = [each for each in recognition["recipients"] if kind_of(each) != "person"]
        return self.name(mine) if mine is not None and mine in groups else None

    def others(self, recognition: View) -> list[str]:
        """The recipients besides the addressee, as references."""
        return [each for each in recognition["recipients"] if not self.is_me(each)]

    def is_received(self, recognition: View) -> bool:
        """Whether the addressee, themselves, received it."""
        return self.me in recognition["recipients"]

    def time(self, text: str) -> str:
        """A time of a recognition (RFC 3339) on the addressee's clock."""
        return self.language.time(text, self.zone)

    def thing(self, recognition: View) -> str:
        """What it is, as the end of `commented on ...`."""
        gettext = self.language.gettext
        is_thanks = recognition["kind"] == "thank_you"
        if self.is_me(recognition["giver"]):
            return gettext("your thank-you") if is_thanks else gettext("your request")
        if self.is_received(recognition):
            return gettext("a thank-you to you") if is_thanks else gettext("a request to you")
        return gettext("a thank-you") if is_thanks else gettext("a request")

    def said(self, recognition: View, text: str, *notes: str) -> Item:
        """An item about a recognition: `text`, what it says, and notes."""
        url = recognition_url(self.notice.links, recognition)
        return Item(text, recognition["message"], tuple(filter(None, notes)), url)

    def private_note(self, recognition: View) -> str:
        """A line that says so when only those involved may read it."""
        if recognition["visibility"] != "private":
            return ""
        return self.language.gettext("Private: only those involved can read it.")

    def due_note(self, recognition: View) -> str:
        """By when it is promised, or else needed."""
        gettext = self.language.gettext
        if recognition["promise"]:
            return gettext("Promised by {time}").format(
                time=self.time(recognition["promise"]["due_at"])
            )
        if recognition["needed_by"]:
            return gettext("Needed by {time}").format(time=self.time(recognition["needed_by"]))
        return ""
