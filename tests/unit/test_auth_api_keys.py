"""API keys: 256 random bits, of which only a hash is kept."""

import re

import pytest

from shared.auth import api_keys


def test_a_new_key_has_the_form_of_one_and_its_hash_verifies_it() -> None:
    identifier, token, kept = api_keys.new_key()
    assert re.fullmatch(r"kk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token)
    assert api_keys.id_of(token) == identifier
    assert api_keys.verify(token, kept)
    assert re.fullmatch(r"[0-9a-f]{64}", kept)


def test_no_two_keys_are_alike() -> None:
    keys = [api_keys.new_key() for _ in range(200)]
    for part in zip(*keys, strict=True):
        assert len(set(part)) == 200


def test_another_secret_under_the_same_id_is_not_the_key() -> None:
    _, token, kept = api_keys.new_key()
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert not api_keys.verify(changed, kept)
    assert not api_keys.verify("", kept)


@pytest.mark.parametrize(
    "token",
    ["", "kk_", "kk_abc_def", "kk_0123456789abcdef_short", "kk_0123456789ABCDEF_" + "a" * 43,
     "kk_0123456789abcdef_" + "a" * 44, "kk_0123456789abcdef_" + "ä" * 43],
)  # fmt: skip
def test_what_has_not_the_form_has_no_id(token: str) -> None:
    assert api_keys.id_of(token) is None
