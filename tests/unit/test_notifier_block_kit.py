"""Chat messages: held to Slack's schema and limits; nothing of others is obeyed."""

import dataclasses
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from services.notifier.channels.block_kit import message_of
from services.notifier.channels.markdown import escaped
from services.notifier.channels.samples import act, sample, view
from services.notifier.domain.notices import KINDS, Notice

HOSTILE = (
    "<!channel> <!here|x> <@U012AB3CD> <https://evil.example|Your bank> @channel @all @ada "
    "*bold* _it_ ~no~ `code` ```pre``` :tada: https://evil.example www.evil.example "
    "a@evil.example [x](https://evil.example) ![i](https://evil.example/i.png) #town & &lt; \\*\n"
    "> quote\n# title\n- item\n1. one\n| a | b |"
)
HARMLESS = re.compile(r"<https://kudos\.example\.org[^<>|]*\|[^<>]*>")


def wrote(text: str) -> Notice:
    """A notice in which somebody wrote `text` wherever somebody can."""
    recognition = view("1", message=text)
    acts = (
        act("thanked", recognition),
        act("commented", recognition, comment={"message": text}),
        act("declined", recognition, reason=text, alternative=text),
    )
    people = {"person:ada": {"name": text, "team": None}}
    return dataclasses.replace(sample("thanks"), acts=acts, people=people)


def walk(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def check(message: dict[str, Any]) -> None:
    """Hold a message to the schema, as slack_sdk has it, and to the documented limits."""
    blocks = message["blocks"]
    assert 1 <= len(blocks) <= 50
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == block
    for part in walk(blocks):
        match part.get("type"):
            case "header":
                assert 1 <= len(part["text"]["text"]) <= 150
            case "plain_text" | "mrkdwn":
                assert 1 <= len(part["text"]) <= 3000
            case "button":
                assert len(part["text"]["text"]) <= 75
                assert len(part["url"]) <= 3000
            case "text" | "link":
                assert part["text"]
            case "rich_text":
                assert part["elements"]
    assert 1 <= len(message["text"]) <= 4000
    assert len(orjson.dumps(message)) < 100_000


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_to_the_schema(kind: str, language: str) -> None:
    check(message_of(sample(kind, language)))


@given(st.text(min_size=1, max_size=2000))
def test_whatever_was_written_keeps_to_the_schema(text: str) -> None:
    check(message_of(wrote(text)))


@pytest.mark.parametrize("text", ["&" * 2000, "<" * 2000, "*" * 2000, "x" * 2000, "\n" * 2000])
def test_long_texts_keep_to_the_limits(text: str) -> None:
    recognition = view("1", message=text)
    many = tuple(act("thanked", dict(recognition, id=str(number))) for number in range(60))
    check(message_of(dataclasses.replace(sample("thanks"), acts=many)))


def test_only_our_own_texts_are_parsed() -> None:
    for part in walk(message_of(wrote(HOSTILE))["blocks"]):
        if part.get("type") == "mrkdwn":
            assert "evil" not in part["text"]
            assert "<!" not in part["text"]
        if part.get("type") == "plain_text":
            assert part["emoji"] is False


def test_in_the_text_only_our_own_links_are_links() -> None:
    text = message_of(wrote(HOSTILE))["text"]
    rest = HARMLESS.sub("", text)
    assert "<" not in rest
    assert not re.search(r"@\w", rest)
    assert "://" not in rest
    assert "www." not in rest
    assert not re.search(r":\w+:", rest)
    assert not re.search(r"(?<!\\)(\\\\)*[`_~\[\]|#]", rest)


@given(st.text(max_size=300))
def test_escaping_leaves_what_is_seen_as_it_was(text: str) -> None:
    shown = escaped(text).replace("\u2060", "")
    shown = re.sub(r"\\([\\*_~`\[\]|#+-])", r"\1", shown)
    for entity, meant in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(entity, meant)
    from services.notifier.channels.plain import without_controls

    assert shown == without_controls(text).replace("\u2060", "")


@given(st.text(alphabet="<>&!@#|*_~`[]()\\:/w.a \n-+1", max_size=80))
def test_nothing_written_in_marks_is_obeyed(text: str) -> None:
    said = escaped(text)
    assert "<" not in said
    assert ">" not in said
    assert re.sub(r"&(amp|lt|gt);", "", said).count("&") == 0
    assert not re.search(r"@[\w]", said)
    assert "://" not in said
    assert not re.search(r"(?<!\\)(\\\\)*[*`_~\[\]|#]", said)
    assert not re.search(r"^\s*[-+](?=\s|$)", said, re.M)
    assert not re.search(r"^\s*\d+[.)]", said, re.M)
