"""Sealing and signing: what was sealed opens for its purpose and with its key only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import ConfigError, describe, load_settings
from shared.secret_keys import SecretKey, parse_key
from shared.vault import Unsealable, Vault

OLD, NEW = SecretKey(bytes(32)), SecretKey(b"n" * 32)
"""Fixed: they stand in names of tests, which every process must agree on."""


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text("abc ", max_size=9))
def test_what_is_sealed_opens_again_for_its_purpose(text: str, purpose: str) -> None:
    vault = Vault([OLD])
    sealed = vault.seal(text, purpose)
    assert vault.open(sealed, purpose) == text
    with pytest.raises(Unsealable, match="something else"):
        vault.open(sealed, purpose + "x")


def test_a_key_is_replaced_by_putting_a_new_one_before_it() -> None:
    sealed, signature = Vault([OLD]).seal("whsec_1", "p"), Vault([OLD]).sign("ada", "p")
    both = Vault([NEW, OLD])
    assert both.open(sealed, "p") == "whsec_1"
    assert both.is_signed("ada", signature, "p")
    assert both.seal("x", "p")["key"] == both.present == NEW.id
    with pytest.raises(Unsealable, match=OLD.id):
        Vault([NEW]).open(sealed, "p")
    assert not Vault([NEW]).is_signed("ada", signature, "p")


def test_nothing_is_sealed_twice_alike_and_nothing_shows_the_text() -> None:
    first, second = Vault([NEW]).seal("hush", "p"), Vault([NEW]).seal("hush", "p")
    assert first != second
    assert "hush" not in repr((first, NEW))


@pytest.mark.parametrize(
    "forged",
    ["", ".", "é.é", "{other}.AAAA", "{id}.", "{id}.AAAA", "{signature}A", "{of_another}"],
)
def test_a_signature_of_something_else_is_none(forged: str) -> None:
    vault = Vault([NEW])
    shown = forged.format(
        id=NEW.id,
        other=OLD.id,
        signature=vault.sign("ada", "p"),
        of_another=vault.sign("ada", "q"),
    )
    assert not vault.is_signed("ada", shown, "p")
    assert not vault.is_signed("bo", vault.sign("ada", "p"), "p")


def test_without_keys_nothing_is_sealed() -> None:
    with pytest.raises(LookupError, match="KUDOS_SECRET_KEYS"):
        Vault([]).seal("x", "p")
    assert Vault([]).present is None


def test_keys_come_from_the_environment_and_are_never_shown() -> None:
    settings = load_settings({"KUDOS_SECRET_KEYS": f"{NEW.text}, {OLD.text}"})
    assert settings.secret_keys == (NEW, OLD)
    shown = next(s for s in describe(settings) if s.variable == "KUDOS_SECRET_KEYS")
    assert shown.value == f"***(id {NEW.id}),***(id {OLD.id})"


@pytest.mark.parametrize("text", ["short", "AAAA", "!" * 44, NEW.text + "A"])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="32 random bytes") as refused:
        load_settings({"KUDOS_SECRET_KEYS": text})
    assert text not in str(refused.value)
    with pytest.raises(ValueError, match="openssl"):
        parse_key(text)
