"""Notices in words: who did what to whom, folded, and nothing private in a subject."""

import dataclasses
from typing import Any

import pytest

from services.notifier.channels.languages import language_of
from services.notifier.channels.rendering import render_html, render_text
from services.notifier.channels.samples import PEOPLE, act, please, sample, view
from services.notifier.channels.wording import write
from services.notifier.domain.event_types import DELIVERABLE
from services.notifier.domain.notices import KINDS, Act, Notice
from shared.times import parse_rfc3339

ME, ADA, MARY, ALAN = "person:grace", "person:ada", "person:mary", "person:alan"
SECRET = "Zwölf Boxkämpfer <b>jagen</b> Viktor"


def notice(*acts: Act, kind: str = "promises", language: str = "en") -> Notice:
    return dataclasses.replace(sample("thanks", language), kind=kind, acts=acts)


def subject(*acts: Act, **options: Any) -> str:
    return write(notice(*acts, **options)).subject


MINE = please("1", ME, (ADA,), ADA)
THEIRS = please("1", MARY, (ADA,), ADA)
ASKED = please("1", MARY, (ME,))
PROMISED = please("1", MARY, (ME,), ME)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (act("thanked", view("1")), "Ada Lovelace thanked you"),
        (
            act("thanked", view("1", ADA, (ALAN, ME))),
            "Ada Lovelace thanked you and Alan Turing",
        ),
        (
            act("thanked", view("1", MARY, ("team:engines",)), MARY),
            "Mary Shelley thanked your team Engines",
        ),
        (act("thanked", view("1", MARY, (ALAN,)), MARY), "Mary Shelley thanked Alan Turing"),
        (act("asked", please("1", ADA, (ME,))), "Ada Lovelace asks you for something"),
        (
            act("asked", please("1", ADA, ("team:engines",))),
            "Ada Lovelace asks your team Engines for something",
        ),
        (
            act("asked", please("1", ADA, (MARY, ME, ALAN))),
            "Ada Lovelace asks you, Mary Shelley and Alan Turing for something",
        ),
        (act("asked", please("1", ADA, (MARY,))), "Ada Lovelace asks Mary Shelley for something"),
        (act("promised", MINE), "Ada Lovelace promised what you asked for"),
        (act("promised", THEIRS), "Ada Lovelace promised what Mary Shelley asked for"),
        (act("promise_moved", MINE), "Ada Lovelace needs more time for what you asked for"),
        (
            act("released", MINE),
            "Ada Lovelace gave the promise to you back; your request is open again",
        ),
        (act("fulfilled", MINE), "Ada Lovelace did what you asked for"),
        (
            act("reopened", PROMISED, MARY),
            "Mary Shelley opened a request of Mary Shelley again",
        ),
        (act("declined", MINE), "Ada Lovelace cannot do what you asked for"),
        (act("withdrawn", PROMISED, MARY), "Mary Shelley took a request back"),
        (act("amended", view("1")), "News on a thank-you to you"),
        (act("restored", view("1")), "News on a thank-you to you"),
        (act("commented", view("1", ME, (ADA,))), "Ada Lovelace commented on your thank-you"),
        (act("reacted", MINE, emoji="👏"), "Ada Lovelace reacted with 👏 to your request"),
        (act("due_soon", PROMISED, None), "Your promise to Mary Shelley is due soon"),
        (act("due_soon", THEIRS, None), "What Ada Lovelace promised Mary Shelley is due soon"),
        (act("overdue", PROMISED, None), "Your promise to Mary Shelley is overdue"),
        (act("overdue", MINE, None), "What Ada Lovelace promised you is overdue"),
        (act("overdue", THEIRS, None), "What Ada Lovelace promised Mary Shelley is overdue"),
        (act("unanswered", ASKED, None), "Mary Shelley is waiting for a word from you"),
        (act("unanswered", please("1", ME, (ADA,)), None), "Nobody has answered your request yet"),
        (
            act("unthanked", MINE, None),
            "Ada Lovelace did what you asked for: would you like to say thank you?",
        ),
        (
            act("unthanked", please("1", ME, (ADA,)), None),
            "What you asked for is done: would you like to say thank you?",
        ),
    ],
)
def test_an_act_is_said_in_a_sentence(happened: Act, said: str) -> None:
    assert subject(happened) == said


@pytest.mark.parametrize("event_type", DELIVERABLE)
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_type_can_be_told_and_no_subject_holds_what_was_written(
    event_type: str, language: str
) -> None:
    for recognition in (MINE, THEIRS, PROMISED, view("1", ADA, (ME,))):
        private = {**recognition, "message": SECRET, "visibility": "private"}
        texts = {
            "reason": SECRET, "note": SECRET, "alternative": SECRET, "emoji": "👏",
            "comment": {"message": SECRET},
        }  # fmt: skip
        short = event_type.rpartition(".")[2]
        for times in (1, 2):
            told = notice(*[act(short, private, **texts)] * times, language=language)
            letter = write(told)
            assert letter.subject
            assert SECRET not in letter.subject
            assert SECRET not in letter.headline
            assert SECRET not in (letter.lead or "") + letter.reason
            assert SECRET in render_text(letter, told)
            html = render_html(letter, told)
            assert "&lt;b&gt;jagen&lt;/b&gt;" in html
            assert "<b>" not in html


def test_a_flurry_of_reactions_is_one_line_with_its_counts() -> None:
    letter = write(sample("reactions"))
    assert letter.subject == (
        "Ada Lovelace, Mary Shelley and 3 others reacted with 👏 🎉 ❤️ to your thank-you"
    )
    (section,) = letter.sections
    (item,) = section.items
    assert item.notes == ("👏 3  🎉 1  ❤️ 1",)


def test_comments_stand_below_each_other_by_name() -> None:
    letter = write(sample("comments"))
    assert letter.subject == "Mary Shelley and Alan Turing commented on a thank-you to you"
    assert [(item.text, item.quote) for item in letter.sections[0].items] == [
        ("Mary Shelley", "Well deserved!"),
        ("Alan Turing", "I learned a lot, too."),
    ]


def test_comments_and_reactions_that_came_together_are_one_headline() -> None:
    mine = view("1", ME, (ADA,))
    told = notice(
        act("commented", mine, MARY, comment={"message": "Yes!"}),
        act("reacted", mine, ALAN, emoji="👏"),
        act("reacted", mine, MARY, emoji="🎉"),
        kind="comments",
    )
    letter = write(told)
    assert (
        letter.subject == "Mary Shelley and Alan Turing commented on and reacted to your thank-you"
    )
    assert [item.text for item in letter.sections[0].items] == [
        "Mary Shelley commented on your thank-you",
        "Alan Turing and Mary Shelley reacted with 👏 🎉 to your thank-you",
    ]


def test_what_differs_is_said_by_the_first_and_counted() -> None:
    acts = [act("thanked", view("1")), act("thanked", view("2", MARY), MARY)]
    assert subject(*acts, kind="thanks") == "Ada Lovelace thanked you, and 1 more"
    thrice = [act("thanked", view(str(number))) for number in range(3)]
    assert subject(*thrice, kind="thanks") == "Ada Lovelace thanked you 3 times"


def test_of_many_items_the_first_are_shown_and_the_others_counted() -> None:
    acts = [act("thanked", view(str(number), MARY), MARY) for number in range(11)]
    (section,) = write(notice(*acts, kind="thanks")).sections
    assert len(section.items) == 8
    assert section.more == "and 3 more"


def test_a_name_cannot_break_a_line_or_be_read_as_a_placeholder() -> None:
    people = {**PEOPLE, ADA: {"name": "Ada\r\nBcc: {by}\t{thing}", "team": None}}
    told = dataclasses.replace(notice(act("thanked", view("1"))), people=people)
    assert write(told).subject == "Ada Bcc: {by} {thing} thanked you"


def test_somebody_unknown_is_called_by_their_id() -> None:
    told = dataclasses.replace(notice(act("thanked", view("1"))), people={})
    assert write(told).subject == "ada thanked you"


def test_private_ones_say_so() -> None:
    private = act("thanked", view("1", visibility="private"))
    assert "Private: only those involved can read it." in render_text(
        write(notice(private)), notice(private)
    )


def test_times_are_those_of_the_addressee() -> None:
    told = sample("asks", timezone="Asia/Kathmandu")
    assert "Needed by Fri 27 Nov 2026, 18:45 +0545" in render_text(write(told), told)
    told = sample("asks", timezone="No/Such")
    assert "Needed by Fri 27 Nov 2026, 13:00 UTC" in render_text(write(told), told)


def test_a_notice_without_acts_is_refused() -> None:
    with pytest.raises(KeyError, match="thanks has acts"):
        write(notice(kind="thanks"))


@pytest.mark.parametrize("state", ["failing", "disabled"])
def test_of_a_webhook_endpoint_no_secret_of_its_url_is_told(state: str) -> None:
    told = sample("webhooks")
    told = dataclasses.replace(told, about={**told.about, "state": state})
    text = render_text(write(told), told)
    assert "hooks.example.com" in text
    assert "key=abc" not in text
    assert "no answer in time" in text


@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_the_text_part_are_short(kind: str) -> None:
    text = render_text(write(sample(kind)), sample(kind))
    long = [line for line in text.splitlines() if len(line) > 72 and "://" not in line]
    assert long == []


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        (["Ada"], 0, "Ada"),
        (["Ada", "Bob"], 0, "Ada and Bob"),
        (["Ada", "Bob", "Cyd"], 0, "Ada, Bob and Cyd"),
        (["Ada", "Bob", "Cyd", "Dee"], 0, "Ada, Bob and 2 others"),
        (["Ada"], 1, "Ada and 1 other"),
        (["Ada", "Bob"], 5, "Ada, Bob and 5 others"),
    ],
)
def test_names_are_listed(names: list[str], more: int, said: str) -> None:
    assert language_of("en").names(names, more) == said


def test_what_a_language_lacks_is_english() -> None:
    assert language_of("de-AT").code == "de"
    assert language_of("tlh").code == "en"
    at = parse_rfc3339("2026-03-01T12:00:00Z")
    assert language_of("de").day(at, at.tzinfo) == "So, 1. März 2026"  # type: ignore[arg-type]
