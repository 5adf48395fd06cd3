"""Each act in a sentence, as its addressee is told it: `Ada thanked you`."""

from collections.abc import Callable

from services.notifier.channels.letter import Item
from services.notifier.channels.words import Words
from services.notifier.domain.notices import Act

Sentence = Callable[[Words, Act], str]
_TYPE = "kudos.recognition."


def sentence(words: Words, act: Act) -> str:
    """What happened, in one sentence without a full stop; fit for a subject."""
    say = _SENTENCES.get(act.type.removeprefix(_TYPE))
    if say is not None:
        return say(words, act)
    return words.language.gettext("News on {thing}").format(thing=words.thing(act.recognition))


def item(words: Words, act: Act) -> Item:
    """The act with what was written, and what there is to know of it."""
    short = act.type.removeprefix(_TYPE)
    recognition = act.recognition
    notes = [_why(words, act)]
    if short in _WITH_TIMES:
        notes.append(words.due_note(recognition))
    if short in {"thanked", "asked"}:
        notes.append(words.private_note(recognition))
    if short == "commented":
        url = words.said(recognition, "").url
        return Item(sentence(words, act), act.change.get("comment", {}).get("message"), (), url)
    return words.said(recognition, sentence(words, act), *notes)


_WITH_TIMES = {
    "asked", "promised", "promise_moved", "reopened", "released", "due_soon", "overdue",
    "unanswered",
}  # fmt: skip


def _why(words: Words, act: Act) -> str:
    """The reason, the note and what could be done instead, as whoever acted wrote them."""
    gettext = words.language.gettext
    said = [
        (gettext("Reason: {text}"), act.change.get("reason")),
        (gettext("Note: {text}"), act.change.get("note")),
        (gettext("Instead: {text}"), act.change.get("alternative")),
    ]
    return "\n".join(label.format(text=text) for label, text in said if text)


def by(words: Words, act: Act) -> str:
    """Who did it."""
    return words.name(act.by) if act.by else words.language.gettext("Somebody")


def _thanked(words: Words, act: Act) -> str:
    gettext, recognition = words.language.gettext, act.recognition
    who, group, others = by(words, act), words.my_group(recognition), words.others(recognition)
    if words.is_received(recognition) and others:
        you = words.language.pgettext("thanked", "you")
        return gettext("{by} thanked {others}").format(by=who, others=words.names(others, you))
    if words.is_received(recognition):
        return gettext("{by} thanked you").format(by=who)
    if group:
        return gettext("{by} thanked your team {team}").format(by=who, team=group)
    return gettext("{by} thanked {others}").format(by=who, others=words.names(others))


def _asked(words: Words, act: Act) -> str:
    gettext, recognition = words.language.gettext, act.recognition
    who, group, others = by(words, act), words.my_group(recognition), words.others(recognition)
    if words.is_received(recognition) and others:
        you = words.language.pgettext("asked", "you")
        text = gettext("{by} asks {others} for something")
        return text.format(by=who, others=words.names(others, you))
    if words.is_received(recognition):
        return gettext("{by} asks you for something").format(by=who)
    if group:
        return gettext("{by} asks your team {team} for something").format(by=who, team=group)
    return gettext("{by} asks {others} for something").format(by=who, others=words.names(others))


def _asker_or_other(mine: str, other: str) -> Sentence:
    """A sentence to the asker, and one to everybody else, who is told whom it was for."""

    def say(words: Words, act: Act) -> str:
        asker = act.recognition["giver"]
        text = words.language.gettext(mine if words.is_me(asker) else other)
        return text.format(by=by(words, act), asker=words.name(asker))

    return say


def N_(text: str) -> str:  # noqa: N802 - the name by which gettext's tools find texts
    return text


def _commented(words: Words, act: Act) -> str:
    text = words.language.gettext("{by} commented on {thing}")
    return text.format(by=by(words, act), thing=words.thing(act.recognition))


def _reacted(words: Words, act: Act) -> str:
    text = words.language.gettext("{by} reacted with {emoji} to {thing}")
    thing = words.thing(act.recognition)
    return text.format(by=by(words, act), emoji=act.change.get("emoji", ""), thing=thing)


def _due_soon(words: Words, act: Act) -> str:
    gettext, recognition = words.language.gettext, act.recognition
    promiser = (recognition["promise"] or {}).get("by")
    if promiser and not words.is_me(promiser):
        text = gettext("What {promiser} promised {asker} is due soon")
        return text.format(promiser=words.name(promiser), asker=_asker(words, act))
    return gettext("Your promise to {asker} is due soon").format(asker=_asker(words, act))


def _overdue(words: Words, act: Act) -> str:
    gettext, recognition = words.language.gettext, act.recognition
    promiser = (recognition["promise"] or {}).get("by")
    if promiser and words.is_me(recognition["giver"]):
        text = gettext("What {promiser} promised you is overdue")
        return text.format(promiser=words.name(promiser))
    if promiser and not words.is_me(promiser):
        text = gettext("What {promiser} promised {asker} is overdue")
        return text.format(promiser=words.name(promiser), asker=_asker(words, act))
    return gettext("Your promise to {asker} is overdue").format(asker=_asker(words, act))


def _unanswered(words: Words, act: Act) -> str:
    gettext = words.language.gettext
    if words.is_me(act.recognition["giver"]):
        return gettext("Nobody has answered your request yet")
    return gettext("{asker} is waiting for a word from you").format(asker=_asker(words, act))


def _unthanked(words: Words, act: Act) -> str:
    gettext, promise = words.language.gettext, act.recognition["promise"]
    if promise:
        text = gettext("{promiser} did what you asked for: would you like to say thank you?")
        return text.format(promiser=words.name(promise["by"]))
    return gettext("What you asked for is done: would you like to say thank you?")


def _asker(words: Words, act: Act) -> str:
    return words.name(act.recognition["giver"])


_SENTENCES: dict[str, Sentence] = {
    "thanked": _thanked,
    "asked": _asked,
    "promised": _asker_or_other(
        N_("{by} promised what you asked for"), N_("{by} promised what {asker} asked for")
    ),
    "promise_moved": _asker_or_other(
        N_("{by} needs more time for what you asked for"),
        N_("{by} needs more time for what {asker} asked for"),
    ),
    "released": _asker_or_other(
        N_("{by} gave the promise to you back; your request is open again"),
        N_("{by} gave the promise to {asker} back; the request is open again"),
    ),
    "fulfilled": _asker_or_other(
        N_("{by} did what you asked for"), N_("{by} says that what {asker} asked for is done")
    ),
    "reopened": _asker_or_other(
        N_("{by} opened your request again"), N_("{by} opened a request of {asker} again")
    ),
    "declined": _asker_or_other(
        N_("{by} cannot do what you asked for"), N_("{by} cannot do what {asker} asked for")
    ),
    "withdrawn": _asker_or_other(N_("{by} took your request back"), N_("{by} took a request back")),
    "commented": _commented,
    "reacted": _reacted,
    "due_soon": _due_soon,
    "overdue": _overdue,
    "unanswered": _unanswered,
    "unthanked": _unthanked,
}
