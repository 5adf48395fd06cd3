"""The fields that requests are made of: what they accept, and how they refuse."""

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import RAISE, ValidationError, fields

from shared.web.parsing import invalid, load
from shared.web.problems import Unprocessable
from shared.web.schemas import (
    HttpsUrl,
    Id,
    JsonBoolean,
    JsonInteger,
    PlainText,
    Reference,
    Rfc3339,
    Schema,
)


class InnerSchema(Schema):
    id = fields.String(dump_only=True)
    name = PlainText(20, required=True)


class OuterSchema(Schema):
    id = fields.String(dump_only=True)
    renamed = fields.Integer(dump_only=True, data_key="version")
    name = PlainText(20)
    inner = fields.Nested(InnerSchema)
    inners = fields.List(fields.Nested(InnerSchema))


def errors_of(schema: Schema, value: Any) -> list[str]:
    with pytest.raises(Unprocessable) as caught:
        load(schema, value)
    return [each["pointer"] for each in caught.value.extensions["errors"]]


def test_an_unknown_field_is_refused_at_every_depth() -> None:
    value = {"colour": 1, "inner": {"name": "n", "x": 1}, "inners": [{"name": "n"}, {"y": 1}]}
    assert errors_of(OuterSchema(), value) == [
        "/colour",
        "/inner/x",
        "/inners/1/name",
        "/inners/1/y",
    ]


def test_a_read_only_field_is_accepted_and_ignored_at_every_depth() -> None:
    value = {"id": "1", "version": "odd", "inner": {"id": 2, "name": "n"}, "inners": []}
    assert load(OuterSchema(), value) == {"inner": {"name": "n"}, "inners": []}
    assert value["id"] == "1", "what the caller holds is left as it was"


def test_read_only_fields_are_ignored_in_lists_of_resources() -> None:
    assert load(InnerSchema(many=True), [{"id": 1, "name": "n"}]) == [{"name": "n"}]


def test_the_inner_name_of_a_renamed_field_is_unknown_outside() -> None:
    assert errors_of(OuterSchema(), {"renamed": 1}) == ["/renamed"]


def test_what_is_read_can_be_sent_back() -> None:
    dumped = OuterSchema().dump({"id": "1", "renamed": 3, "name": "n"})
    assert load(OuterSchema(), dumped) == {"name": "n"}


def test_the_schema_of_a_subclass_with_its_own_meta_stays_strict() -> None:
    class Ordered(OuterSchema):
        class Meta(OuterSchema.Meta):
            ordered = True

    assert Ordered().unknown == RAISE


@pytest.mark.parametrize(
    ("field", "given_text", "loaded"),
    [
        (Reference(), "ada", "person:ada"),
        (Reference(), "team:core", "team:core"),
        (Reference("team"), "core", "team:core"),
        (Reference("partner"), "partner:acme", "partner:acme"),
        (Reference(kinds=("person",)), "person:ada", "person:ada"),
    ],
)
def test_references_are_written_out(field: Reference, given_text: str, loaded: str) -> None:
    assert field.deserialize(given_text) == loaded


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Reference(), "Ada"),
        (Reference(), "person:"),
        (Reference(), "robot:r2"),
        (Reference(), ""),
        (Reference(), "a" * 65),
        (Reference(), "person:ada\n"),
        (Reference(), 7),
        (Reference("team"), "person:ada"),
        (Reference(kinds=("person",)), "team:core"),
    ],
)
def test_what_is_no_reference_of_the_kind_is_refused(field: Reference, value: Any) -> None:
    with pytest.raises(ValidationError):
        field.deserialize(value)


@pytest.mark.parametrize("value", ["person:ada", "Ada", "", ".a", 5])
def test_an_id_is_bare(value: Any) -> None:
    assert Id().deserialize("a.b-c_9") == "a.b-c_9"
    with pytest.raises(ValidationError):
        Id().deserialize(value)


def test_instants_come_in_with_any_offset_and_go_out_in_utc() -> None:
    loaded = Rfc3339().deserialize("2026-11-22T11:00:00.1239+01:00")
    assert loaded == datetime(2026, 11, 22, 10, 0, 0, 123_000, tzinfo=UTC)
    dumped = Rfc3339().serialize("at", {"at": loaded})
    assert dumped == "2026-11-22T10:00:00.123Z"
    assert Rfc3339().serialize("at", {"at": dumped}) == dumped
    assert Rfc3339().serialize("at", {"at": None}) is None


@pytest.mark.parametrize(
    "value", ["2026-11-22", "2026-11-22T10:00:00", "2026-02-30T00:00:00Z", "now", "", 5, True, []]
)
def test_an_instant_without_offset_or_existence_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        Rfc3339().deserialize(value)


@given(st.text(max_size=60))
@example("\xad")
@example(" \u200b")
def test_plain_text_accepts_exactly_what_the_rule_says(text: str) -> None:
    is_fine = (
        1 <= len(text) <= 50
        and not all(unicodedata.category(c) in {"Cc", "Cf", "Zs", "Zl", "Zp"} for c in text)
        and not any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in text)
    )
    field = PlainText(50)
    if is_fine:
        assert field.deserialize(text) == text
    else:
        with pytest.raises(ValidationError):
            field.deserialize(text)


def test_plain_text_counts_characters_not_bytes() -> None:
    assert PlainText(2).deserialize("👏é") == "👏é"
    with pytest.raises(ValidationError, match="3 characters; 1 to 2 are accepted"):
        PlainText(2).deserialize("abc")


def test_plain_text_names_the_character_that_it_refuses() -> None:
    with pytest.raises(ValidationError, match=r"U\+0007 at character 3"):
        PlainText(10).deserialize("ab\a")


def test_a_single_line_takes_no_breaks() -> None:
    assert PlainText(9).deserialize("a\n\tb") == "a\n\tb"
    for text in ("a\nb", "a\tb", "a\rb"):
        with pytest.raises(ValidationError):
            PlainText(9, single_line=True).deserialize(text)


def test_text_that_may_be_empty_may_be() -> None:
    assert PlainText(9, minimum=0).deserialize("") == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=d&e=%20#f",
        "HTTPS://Example.com/",
        "https://[2001:db8::1]/x",
        "https://bücher.example/ä",
    ],
)
def test_https_urls_are_accepted_as_they_are(url: str) -> None:
    assert HttpsUrl().deserialize(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "javascript:alert(1)",
        "//example.com/x",
        "https://",
        "https:///path",
        "https://user:pass@example.com",
        "https://user@example.com",
        "https://example.com/a b",
        "https://example.com/\n",
        " https://example.com",
        "https://example.com:99999",
        "https://[::1",
        'https://example.com/"><script>',
        "https://example.com\\@evil.example",
        "https://example.com/" + "x" * 2000,
        "example.com",
        "",
        5,
    ],
)
def test_every_other_url_is_refused(url: Any) -> None:
    with pytest.raises(ValidationError):
        HttpsUrl().deserialize(url)


def test_other_schemes_are_for_who_asks_for_them() -> None:
    assert HttpsUrl(schemes=("https", "http")).deserialize("http://10.0.0.1/") == "http://10.0.0.1/"


@given(st.text())
def test_no_text_breaks_the_url_field(text: str) -> None:
    with suppress(ValidationError):
        assert HttpsUrl().deserialize("https://" + text) == "https://" + text


@pytest.mark.parametrize("value", ["1", 1.5, 1e300, True, None, 0, 11, 2**70])
def test_a_json_integer_is_a_number_in_its_range(value: Any) -> None:
    assert JsonInteger(1, 10).deserialize(10) == 10
    assert repr(JsonInteger(1, 10).deserialize(7.0)) == "7", "JSON knows one kind of number"
    with pytest.raises(ValidationError):
        JsonInteger(1, 10).deserialize(value)


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, None])
def test_a_json_boolean_is_true_or_false(value: Any) -> None:
    assert JsonBoolean().deserialize(True) is True
    assert JsonBoolean().deserialize(False) is False
    with pytest.raises(ValidationError):
        JsonBoolean().deserialize(value)


def test_errors_are_sorted_and_several_at_one_place_are_all_told() -> None:
    found = invalid({"b": ["two", "three"], "a": {0: {"_schema": ["one"]}}})
    assert found.extensions["errors"] == [
        {"pointer": "/a/0", "detail": "one"},
        {"pointer": "/b", "detail": "two"},
        {"pointer": "/b", "detail": "three"},
    ]
    assert found.detail == "2 places to correct"


@pytest.mark.parametrize(
    "text",
    ["\u200b", "\u2060 \ufeff", "\u00ad\u00ad", " \n\t", "\u2028", "\U000e0041", "\u3000\u200e"],
    ids=ascii,
)
def test_text_of_which_nothing_can_be_seen_is_no_text(text: str) -> None:
    with pytest.raises(ValidationError, match="There is no text"):
        PlainText(50).deserialize(text)
    assert PlainText(50).deserialize(f"{text}👩\u200d🚀") == f"{text}👩\u200d🚀"


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\u2028", "\u202e", "\u2066"], ids=ascii)
def test_a_name_holds_nothing_that_a_terminal_obeys(character: str) -> None:
    with pytest.raises(ValidationError, match="not accepted"):
        PlainText(50, single_line=True).deserialize(f"intranet{character}widget")
