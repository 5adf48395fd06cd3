"""What a message says, by what stands in the database at the moment of sending."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.notifier.addressing import not_before, reach_of
from services.notifier.domain.audience import is_part_of
from services.notifier.domain.notices import Act, Addressee, Links, Notice
from services.notifier.domain.payload import references_in
from services.notifier.domain.preferences import (
    LANGUAGE,
    NOTHING,
    Preferences,
    is_chosen,
    zone_of,
)
from services.notifier.domain.readability import Reader, may_read
from services.notifier.domain.relevance import why_stale
from services.notifier.repository import Repository
from services.notifier.sealing import chat_purpose
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.references import KINDS as REFERENCES
from shared.vault import Unsealable, Vault

LinkMaker = Callable[[str, str, str], Links]
"""(person, kind, channel) -> the links of a message."""


ReadAbout = Callable[[str, Mapping[str, Any], Reader], Document | None]
"""(kind, about, addressee) -> `about` of a message without acts (a digest, the warning of an
endpoint) as the addressee may read it now; None when nothing of it is left to be told."""


def as_it_stands(_kind: str, about: Mapping[str, Any], _reader: Reader) -> Document | None:
    """`about` that says all itself."""
    return dict(about)


@dataclass(slots=True)
class Composed:
    """What is to be done with messages: sent as notices, not sent any more for a reason, or sent
    later."""

    notices: list[tuple[Document, Notice]] = field(default_factory=list)
    cancelled: list[tuple[Document, str]] = field(default_factory=list)
    later: list[tuple[Document, datetime]] = field(default_factory=list)


class Noticing:
    """Composes messages; may be used from several threads."""

    def __init__(
        self,
        repository: Repository,
        vault: Vault,
        links: LinkMaker,
        organisation_zone: str,
        read_about: ReadAbout = as_it_stands,
    ) -> None:
        self._repository = repository
        self._read_about = read_about
        self._vault = vault
        self._links = links
        self._zone = organisation_zone

    def compose(self, messages: Sequence[Document], now: datetime) -> Composed:
        """What is to be done with messages at `now`. One is not sent when the person has left or
        cannot be reached, switched it off, may not read it any more, or when nothing of it is news:
        retracted, taken back, done."""
        directory = self._repository.directory
        people = [message["person"] for message in messages]
        entries = directory.entries(dict.fromkeys(people))
        preferences = self._repository.preferences.of_many(dict.fromkeys(people))
        named = {act["recognition"]: None for each in messages for act in each["acts"]}
        rows = self._repository.recognitions.get_many(named)
        found, telling = Composed(), list[_Telling]()
        for message in messages:
            entry = entries.get(message["person"])
            wishes: Preferences = preferences.get(message["person"], NOTHING)
            if entry is None or not reach_of(message["channel"], entry, wishes):
                found.cancelled.append((message, "the person has left, or has no address"))
                continue
            kind, acts, reason = _news(message, entry, wishes, rows, now)
            if kind is None:
                found.cancelled.append((message, reason))
            elif (later := not_before(now, entry, wishes, self._zone)) > now:
                found.later.append((message, later))
            elif (about := self._about(message, entry)) is None:
                found.cancelled.append((message, "nothing of it is left to be told"))
            elif (where := self._where(message, wishes)) is None:
                found.cancelled.append((message, "the chat URL cannot be opened"))
            else:
                about |= where
                telling.append(_Telling(message, kind, acts, about, entry, wishes))
        people_named = directory.people(name for each in telling for name in each.named())
        found.notices = [(each.message, self._notice(each, people_named)) for each in telling]
        return found

    def _about(self, message: Document, entry: Document) -> Document | None:
        if not message["about"]:
            return {}
        return self._read_about(message["kind"], message["about"], _reader(entry))

    def _where(self, message: Document, wishes: Preferences) -> Document | None:
        """Where to send it when that is not the directory's to know."""
        if message["channel"] != "chat":
            return {}
        try:
            url = self._vault.open(wishes["chat_url"], chat_purpose(message["person"]))
        except Unsealable:
            return None
        return {"chat_url": url}

    def _notice(self, told: "_Telling", people: Mapping[str, Document]) -> Notice:
        message, entry, wishes = told.message, told.entry, told.wishes
        zones = (wishes.get("timezone"), entry.get("timezone"), self._zone)
        return Notice(
            id=message["_id"],
            kind=told.kind,
            to=Addressee(
                reference=message["person"],
                name=entry["name"],
                email=entry.get("email"),
                timezone=zone_of(zones).key,
                language=wishes.get("language", LANGUAGE),
            ),
            links=self._links(message["person"], told.kind, message["channel"]),
            acts=told.acts,
            people={name: people[name] for name in told.named()},
            about=told.about,
        )


@dataclass(frozen=True, slots=True)
class _Telling:
    """A message that is to be sent now, and what it takes."""

    message: Document
    kind: str
    acts: tuple[Act, ...]
    about: Document
    entry: Document
    wishes: Preferences

    def named(self) -> Iterator[str]:
        """Every reference in it."""
        yield from references_in(*(act.recognition for act in self.acts))
        yield from (act.by for act in self.acts if act.by)
        yield from _references_of(self.about)
        yield str(self.message["person"])  # whose team may be whom it is about


def _news(
    message: Document,
    entry: Document,
    wishes: Preferences,
    rows: Mapping[str, Document],
    now: datetime,
) -> tuple[str | None, tuple[Act, ...], str]:
    """(kind, acts, "") of what is still to be said; (None, (), why) when nothing is."""
    channel, reason = message["channel"], "switched off"
    if not message["acts"]:
        if message["about"] and is_chosen(wishes, message["kind"], channel):
            return message["kind"], (), ""
        return None, (), reason if message["about"] else "taken back"
    acts, kinds = [], []
    for act in message["acts"]:
        kind = act.get("kind", message["kind"])
        if not is_chosen(wishes, kind, channel):
            continue
        row = rows.get(act["recognition"])
        stale = _why_not(act, row, entry, now)
        if stale is None and row is not None:
            acts.append(_act(act, row, message["person"]))
            kinds.append(kind)
        else:
            reason = stale or reason
    if not acts:
        return None, (), reason
    # Of comments and reactions that came together: what one would rather be told.
    return ("comments" if "comments" in kinds else kinds[0]), tuple(acts), ""


def _why_not(act: Document, row: Document | None, entry: Document, now: datetime) -> str | None:
    reader = _reader(entry)
    if row is None or not may_read(reader, row["state"], row["attribution"]):
        return "it is not shown any more, or not to this person"
    badges = [badge for badge in (reader.person, reader.team, reader.partner) if badge]
    if not is_part_of(row["state"], badges):
        return "the person is no part of it any more"
    return why_stale(act["type"], act["change"], row["state"], entry["_id"], now)


def _reader(entry: Document) -> Reader:
    return Reader(entry["_id"], entry.get("team"), entry.get("partner"))


def _act(act: Document, row: Document, person: str) -> Act:
    return Act(
        type=act["type"],
        by=act["by"],
        at=act["at"],
        change=act["change"],
        recognition=public_view(row["state"], person),
    )


def _references_of(value: Any) -> Iterator[str]:
    """The references that stand in `about`, however deep."""
    if isinstance(value, dict):
        for member in value.values():
            yield from _references_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from _references_of(member)
    elif isinstance(value, str) and value.partition(":")[0] in REFERENCES and " " not in value:
        yield value
