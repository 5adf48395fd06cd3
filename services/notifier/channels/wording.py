"""From a notice to its letter: what each kind says, folded where much happened."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from services.notifier.channels import acts, digest_words
from services.notifier.channels.letter import Item, Letter, Section
from services.notifier.channels.words import View, Words
from services.notifier.domain.notices import DIGESTS, Act, Notice

_SHOWN = 8
"""So many items are shown of one notice."""


def write(notice: Notice) -> Letter:
    """The letter of a notice, in its addressee's language. Raises KeyError for a notice that
    lacks what its kind speaks of."""
    words = Words(notice)
    if notice.kind in DIGESTS:
        return digest_words.write(words)
    if notice.kind == "webhooks":
        return _webhooks(words)
    if not notice.acts:
        raise KeyError(f"a notice of {notice.kind} has acts")
    return _acts(words)


def reason(words: Words) -> str:
    """Why one gets a notice of its kind."""
    gettext = words.language.gettext
    return {
        "thanks": gettext("You get this because you or your team were thanked."),
        "asks": gettext("You get this because you or your team were asked."),
        "promises": gettext("You get this because you take part in this request."),
        "comments": gettext("You get this because you take part in what was commented on."),
        "reactions": gettext("You get this because you take part in what was reacted to."),
        "reminders": gettext("You get this because you can act on it. It is said once."),
        "overdue": gettext("You get this because the promise is yours, or was made to you."),
        "webhooks": gettext("You get this because the webhook endpoint is yours."),
    }[words.notice.kind]


def _acts(words: Words) -> Letter:
    told = words.notice.acts
    headline = _headline(words, told)
    items, left = _items(words, told)
    section = Section(items, more=digest_words.more(words, left))
    return Letter(headline, headline, (section,), reason(words))


def _headline(words: Words, told: Sequence[Act]) -> str:
    if len(told) == 1:
        return acts.sentence(words, told[0])
    if len({(act.type, act.recognition["id"]) for act in told}) == 1:
        folded = _folded(words, told)
        if folded:
            return folded
    types = {act.type.removeprefix("kudos.recognition.") for act in told}
    if types == {"commented", "reacted"} and len({act.recognition["id"] for act in told}) == 1:
        text = words.language.gettext("{by} commented on and reacted to {thing}")
        by = words.names(act.by for act in told if act.by)
        return text.format(by=by, thing=words.thing(told[0].recognition))
    kinds = {act.type for act in told}
    people = {act.by for act in told if act.by}
    is_mine = all(words.is_received(act.recognition) for act in told)
    if is_mine and len(people) == 1 and kinds == {"kudos.recognition.thanked"}:
        text = words.language.ngettext(
            "{by} thanked you {count} time", "{by} thanked you {count} times", len(told)
        )
        return text.format(by=words.names(people), count=len(told))
    rest = len(told) - 1
    text = words.language.ngettext("{first}, and {count} more", "{first}, and {count} more", rest)
    return text.format(first=acts.sentence(words, told[0]), count=rest)


def _folded(words: Words, told: Sequence[Act]) -> str | None:
    """Several acts of one type on one recognition as one sentence."""
    gettext, first = words.language.gettext, told[0]
    by = words.names(act.by for act in told if act.by)
    thing = words.thing(first.recognition)
    if first.type == "kudos.recognition.reacted":
        emojis = " ".join(Counter(str(act.change.get("emoji", "")) for act in told))
        text = gettext("{by} reacted with {emoji} to {thing}")
        return text.format(by=by, emoji=emojis, thing=thing)
    if first.type == "kudos.recognition.commented":
        return gettext("{by} commented on {thing}").format(by=by, thing=thing)
    return None


def _items(words: Words, told: Sequence[Act]) -> tuple[tuple[Item, ...], int]:
    """What is shown, and how many acts are left out: reactions to one recognition are one item,
    comments on it stand below it."""
    items: list[Item] = []
    reactions: dict[str, list[Act]] = {}
    for act in told:
        if act.type == "kudos.recognition.reacted":
            reactions.setdefault(act.recognition["id"], []).append(act)
        else:
            item = acts.item(words, act)
            items.append(replace(item, text=acts.by(words, act)) if _is_said(told, act) else item)
    for group in reactions.values():
        text = _folded(words, group) or acts.sentence(words, group[0])
        items.append(words.said(group[0].recognition, text, _counted(group)))
    return tuple(items[:_SHOWN]), max(0, len(items) - _SHOWN)


def _is_said(told: Sequence[Act], act: Act) -> bool:
    """Whether the headline says already what was done, so that who did it is enough."""
    is_folded = len(told) > 1 and len({(each.type, each.recognition["id"]) for each in told}) == 1
    return is_folded and act.type == "kudos.recognition.commented"


def _counted(group: Sequence[Act]) -> str:
    counts = Counter(str(act.change.get("emoji", "")) for act in group)
    many = len(group) > 1
    return "  ".join(f"{emoji} {count}" for emoji, count in counts.items()) if many else ""


def _webhooks(words: Words) -> Letter:
    """`about`: {"state": "failing" or "disabled", "endpoint": {"id", "url", "description", ...},
    "failing_since", "last": the last answer in words}."""
    gettext, about = words.language.gettext, words.notice.about
    host = urlsplit(about["endpoint"]["url"]).hostname or about["endpoint"]["id"]
    says: dict[str, Callable[[], tuple[str, str]]] = {
        "failing": lambda: (
            gettext("Your webhook endpoint at {host} fails").format(host=host),
            gettext(
                "Deliveries have failed for days. It will be disabled if that goes on; what was "
                "not delivered can be sent again with `recover`."
            ),
        ),
        "disabled": lambda: (
            gettext("Your webhook endpoint at {host} was disabled").format(host=host),
            gettext(
                "Nothing is sent to it any more. Enable it when it is well again; what it missed "
                "can be sent again with `recover`."
            ),
        ),
    }
    headline, lead = says[about["state"]]()
    return Letter(headline, headline, (Section((_endpoint(words, host),)),), reason(words), lead)


def _endpoint(words: Words, host: str) -> Item:
    gettext, about = words.language.gettext, words.notice.about
    endpoint: View = about["endpoint"]
    notes = [gettext("Endpoint: {id}").format(id=endpoint["id"])]
    if about.get("failing_since"):
        since = words.time(about["failing_since"])
        notes.append(gettext("Fails since {time}").format(time=since))
    if about.get("last"):
        notes.append(gettext("The last answer: {text}").format(text=about["last"]))
    return Item(endpoint.get("description") or host, None, tuple(notes), None)
