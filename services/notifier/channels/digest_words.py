"""Digests in words: a day, a week, the week of those who report to somebody.

`about` of such a notice is what services/notifier/digest_reading.py reads: {"period": {"id",
"from", "to"}, "received", "given", "asked", "due", "late": lists of recognitions as the addressee
may read them, "quiet": references of people, "quiet_weeks" (team_weekly only), "more": {list: how
many were left out}}. Lists that are empty may be missing.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.notifier.channels.letter import Item, Letter, Section
from services.notifier.channels.words import View, Words
from shared.times import parse_rfc3339

_SHOWN = 5


def write(words: Words) -> Letter:
    """The letter of a digest."""
    gettext, kind = words.language.gettext, words.notice.kind
    headline = {
        "daily": gettext("Your day in Kudos: {period}"),
        "weekly": gettext("Your week in Kudos: {period}"),
        "team_weekly": gettext("Your team's week in Kudos: {period}"),
    }[kind].format(period=_period(words))
    sections = _team_sections(words) if kind == "team_weekly" else _own_sections(words)
    why = {
        "daily": gettext("You get this after each day on which something happened."),
        "weekly": gettext("You get this after each week in which something happened."),
        "team_weekly": gettext("You get this because people report to you."),
    }[kind]
    return Letter(headline, headline, sections, why, _summary(words))


def more(words: Words, count: int) -> str | None:
    """`and 3 more`, or nothing."""
    if not count:
        return None
    return words.language.ngettext("and {count} more", "and {count} more", count).format(
        count=count
    )


def _period(words: Words) -> str:
    period, language = words.notice.about["period"], words.language
    first = language.day(period["from"], words.zone)
    if words.notice.kind == "daily":
        return first
    last = language.day(parse_rfc3339(period["to"]) - timedelta(milliseconds=1), words.zone)
    return language.gettext("{first} to {last}").format(first=first, last=last)


def _count(words: Words, name: str) -> int:
    about = words.notice.about
    return len(about.get(name, ())) + int(about.get("more", {}).get(name, 0))


def _summary(words: Words) -> str:
    ngettext = words.language.ngettext
    counted = [
        ("received", ngettext("{count} thank-you received", "{count} thank-yous received",
                              _count(words, "received"))),
        ("given", ngettext("{count} given", "{count} given", _count(words, "given"))),
        ("asked", ngettext("{count} request open", "{count} requests open",
                           _count(words, "asked"))),
        ("due", ngettext("{count} promise due", "{count} promises due", _count(words, "due"))),
        ("late", ngettext("{count} overdue", "{count} overdue", _count(words, "late"))),
    ]  # fmt: skip
    said = [text.format(count=_count(words, name)) for name, text in counted if _count(words, name)]
    return " · ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in said)


def _own_sections(words: Words) -> tuple[Section, ...]:
    gettext = words.language.gettext
    return _sections(
        words,
        [
            ("late", gettext("Overdue"), _promise),
            ("due", gettext("Due soon"), _promise),
            ("asked", gettext("Waiting for an answer"), _request),
            ("received", gettext("Thanks to you"), _thanks),
            ("given", gettext("Thanks from you"), _thanks),
        ],
    )


def _team_sections(words: Words) -> tuple[Section, ...]:
    gettext = words.language.gettext
    sections = list(
        _sections(
            words,
            [
                ("received", gettext("Who was thanked"), _thanks),
                ("late", gettext("Overdue"), _promise),
                ("due", gettext("Due soon"), _promise),
            ],
        )
    )
    quiet = words.notice.about.get("quiet", ())
    if quiet:
        weeks = int(words.notice.about["quiet_weeks"])
        title = words.language.ngettext(
            "No thanks seen for {count} week", "No thanks seen for {count} weeks", weeks
        ).format(count=weeks)
        items = tuple(Item(words.name(each)) for each in quiet)
        sections.insert(1, Section(items, title, more(words, _count(words, "quiet") - len(items))))
    return tuple(sections)


Say = Callable[[Words, View], Item]


def _sections(words: Words, wanted: Sequence[tuple[str, str, Say]]) -> tuple[Section, ...]:
    about = words.notice.about
    return tuple(
        Section(
            tuple(say(words, each) for each in about[name][:_SHOWN]),
            title,
            more(words, _count(words, name) - min(_SHOWN, len(about[name]))),
        )
        for name, title, say in wanted
        if about.get(name)
    )


def _thanks(words: Words, recognition: View) -> Item:
    gettext = words.language.gettext
    giver, recipients = recognition["giver"], recognition["recipients"]
    values = {"giver": words.name(giver), "recipients": words.names(recipients)}
    if words.is_me(giver):
        text = gettext("To {recipients}")
    elif recipients == [words.me]:
        text = gettext("From {giver}")
    else:
        text = gettext("{giver} to {recipients}")
    return words.said(recognition, text.format(**values), words.private_note(recognition))


def _promise(words: Words, recognition: View) -> Item:
    gettext, promiser = words.language.gettext, recognition["promise"]["by"]
    values = {"promiser": words.name(promiser), "asker": words.name(recognition["giver"])}
    if words.is_me(promiser):
        text = gettext("You promised {asker}")
    elif words.is_me(recognition["giver"]):
        text = gettext("{promiser} promised you")
    else:
        text = gettext("{promiser} promised {asker}")
    return words.said(recognition, text.format(**values), words.due_note(recognition))


def _request(words: Words, recognition: View) -> Item:
    gettext, recipients = words.language.gettext, recognition["recipients"]
    asker, group = words.name(recognition["giver"]), words.my_group(recognition)
    if recipients == [words.me]:
        text = gettext("{asker} asked you").format(asker=asker)
    elif group:
        text = gettext("{asker} asked your team {team}").format(asker=asker, team=group)
    else:
        text = gettext("{asker} asked {recipients}").format(
            asker=asker, recipients=words.names(recipients)
        )
    return words.said(recognition, text, words.due_note(recognition))
