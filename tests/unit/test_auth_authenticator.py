"""From a header to a caller: people by JWT, integrations by key, and one for the other."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, request

from shared import times
from shared.auth import api_keys, demo, scopes
from shared.auth.authenticator import TRUSTED_SECONDS, Authenticator
from shared.auth.caller import Caller
from shared.auth.tokens import LEEWAY_SECONDS, JwtVerifier
from shared.config import Settings
from shared.web.problems import BadRequest, Forbidden, InvalidToken, MissingScope, Unauthorized
from tests.unit.sample_service import make_settings
from tests.unit.token_issuer import Clock, jwks_host, new_key, sign


@dataclass
class Organisation:
    """The directory, the keys, and an authenticator that looks into them."""

    settings: Settings
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    look_ups: int = 0

    def __post_init__(self) -> None:
        verifier = JwtVerifier(self.settings, clock=lambda: time.time() + self.clock.now - 1000)
        self.authenticator = Authenticator(
            self.settings, verifier, self.find, self.by_email, self.keys.get, clock=self.clock
        )

    def find(self, reference: str) -> dict[str, Any] | None:
        self.look_ups += 1
        return self.people.get(reference)

    def by_email(self, address: str) -> dict[str, Any] | None:
        return next((each for each in self.people.values() if each["email"] == address), None)

    def add(self, identifier: str, **fields: Any) -> None:
        ref = f"person:{identifier}"
        entry = {"ref": ref, "email": f"{identifier}@example.com", "active": True, "partner": None}
        self.people[ref] = entry | fields

    def add_key(self, **fields: Any) -> str:
        identifier, token, kept = api_keys.new_key()
        key = {"id": identifier, "hash": kept, "scopes": [scopes.WRITE], "person": None}
        self.keys[identifier] = key | {"on_behalf_of": False, "revoked_at": None} | fields
        return token

    def call(self, token: str | None = None, **headers: str) -> Caller:
        return self.authenticator.authenticate(_request(token, headers))


def _request(token: str | None, headers: dict[str, str]) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["Authorization"] = f"Bearer {token}"
    with Flask(__name__).test_request_context(headers=named):
        return request._get_current_object()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    organisation = Organisation(make_settings(tmp_path, admins=frozenset({"person:root"})))
    organisation.add("ada")
    return organisation


@pytest.fixture
def token(org: Organisation) -> Callable[..., str]:
    return lambda person="ada", *granted: demo.issue(org.settings, person, granted)


def test_a_token_with_scopes_gives_those_and_no_others(
    org: Organisation, token: Callable[..., str]
) -> None:
    caller = org.call(token("ada", scopes.READ))
    assert caller == Caller("person:ada", "person:ada", None, frozenset({scopes.READ}))
    assert caller.has(scopes.READ)
    assert not caller.has(scopes.WRITE)
    with pytest.raises(MissingScope):
        caller.require(scopes.READ, scopes.WRITE)


def test_a_token_without_our_scopes_gives_an_active_person_read_and_write(
    org: Organisation, token: Callable[..., str]
) -> None:
    assert org.call(token()).scopes == {scopes.READ, scopes.WRITE}
    assert org.call(token("stranger")).scopes == frozenset()


def test_somebody_not_in_the_directory_yet_keeps_the_scopes_of_their_token(
    org: Organisation, token: Callable[..., str]
) -> None:
    assert org.call(token("stranger", scopes.READ)).scopes == {scopes.READ}


def test_somebody_added_to_the_directory_is_known_at_once(
    org: Organisation, token: Callable[..., str]
) -> None:
    mine = token("new")
    assert org.call(mine).scopes == frozenset()
    org.add("new")
    assert org.call(mine).scopes == {scopes.READ, scopes.WRITE}


def test_an_inactive_person_may_nothing_whatever_the_token_says(
    org: Organisation, token: Callable[..., str]
) -> None:
    org.add("gone", active=False)
    for mine in (token("gone"), token("gone", scopes.READ, scopes.ADMIN)):
        with pytest.raises(Forbidden):
            org.call(mine)


def test_the_admins_of_the_settings_hold_every_scope(
    org: Organisation, token: Callable[..., str]
) -> None:
    assert org.call(token("root")).scopes == scopes.ALL
    assert org.call(token("root", scopes.READ)).scopes == scopes.ALL


def test_people_of_a_partner_are_marked_as_such(
    org: Organisation, token: Callable[..., str]
) -> None:
    org.add("eve", partner="partner:acme")
    assert org.call(token("eve")).partner == "partner:acme"


def test_a_known_caller_is_not_looked_up_for_each_request(
    org: Organisation, token: Callable[..., str]
) -> None:
    mine = token()
    for _ in range(50):
        org.call(mine)
    assert org.look_ups == 1
    org.add("ada", active=False)
    org.clock.now += TRUSTED_SECONDS
    with pytest.raises(Forbidden):
        org.call(mine)


def test_a_known_caller_whose_token_expires_is_refused_at_that_moment(org: Organisation) -> None:
    mine = demo.issue(org.settings, "ada", [scopes.READ], ttl_seconds=1)
    org.call(mine)
    org.clock.now += LEEWAY_SECONDS + 2
    with pytest.raises(InvalidToken, match="expired"):
        org.call(mine)


def test_a_subject_that_is_no_id_names_nobody() -> None:
    key = new_key("ES256", "e1")
    with jwks_host(key) as host:
        org = Organisation(host.settings())
        caller = org.call(sign(key, "ES256", sub="auth0|123", scope=scopes.READ))
    assert (caller.id, caller.person) == ("subject:auth0|123", None)
    assert caller.scopes == {scopes.READ}


def test_the_mail_finds_the_person_whatever_its_case() -> None:
    key = new_key("ES256", "e1")
    with jwks_host(key) as host:
        org = Organisation(host.settings(jwt_person_claim="email"))
        org.add("ada")
        caller = org.call(sign(key, "ES256", sub="x", email="Ada@Example.com"))
        unknown = org.call(sign(key, "ES256", sub="y", email="who@example.com"))
    assert caller.person == "person:ada"
    assert caller.has(scopes.WRITE)
    assert (unknown.person, unknown.scopes) == (None, frozenset())


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer  ", "abc"])
def test_without_a_bearer_token_one_is_asked_for(org: Organisation, header: str | None) -> None:
    given = {} if header is None else {"Authorization": header}
    with pytest.raises(Unauthorized) as caught:
        org.call(**given)
    assert caught.value.headers()["WWW-Authenticate"] == 'Bearer realm="kudos"'


def test_the_scheme_is_read_in_any_case(org: Organisation) -> None:
    assert org.call(Authorization=f"bearer {org.add_key()}").key_id


def test_a_key_acts_with_its_scopes_and_as_its_person(org: Organisation) -> None:
    caller = org.call(org.add_key(person="person:ada", scopes=[scopes.READ, "unheard:of"]))
    assert caller.person == "person:ada"
    assert caller.scopes == {scopes.READ}
    assert caller.id == f"key:{caller.key_id}"
    assert org.call(org.add_key()).person is None


def test_a_key_of_an_admin_holds_its_own_scopes_only(org: Organisation) -> None:
    org.add("root")
    assert org.call(org.add_key(person="person:root")).scopes == {scopes.WRITE}


def test_a_key_that_is_revoked_is_refused_at_once(org: Organisation) -> None:
    token = org.add_key()
    caller = org.call(token)
    assert caller.key_id is not None
    org.keys[caller.key_id]["revoked_at"] = "2026-11-22T10:00:00Z"
    with pytest.raises(InvalidToken, match="revoked"):
        org.call(token)


def test_a_wrong_secret_an_unknown_key_and_a_malformed_one_look_alike(org: Organisation) -> None:
    token = org.add_key()
    wrong = token[:20] + ("A" * 43 if token[20:] != "A" * 43 else "B" * 43)
    for forged in (wrong, api_keys.new_key()[1], "kk_", "kk_x_y"):
        with pytest.raises(InvalidToken, match="no such API key"):
            org.call(forged)


def test_a_key_of_somebody_who_left_is_refused(org: Organisation) -> None:
    token = org.add_key(person="person:ada")
    org.add("ada", active=False)
    with pytest.raises(Forbidden):
        org.call(token)


def test_the_secret_before_a_rotation_is_accepted_until_its_overlap_ends(
    org: Organisation,
) -> None:
    token = org.add_key()
    key = org.keys[api_keys.id_of(token) or ""]
    renewed, kept = api_keys.new_secret(key["id"])
    key |= {"hash": kept, "previous_hash": key["hash"]}
    key["previous_until"] = times.now() + timedelta(minutes=1)
    assert org.call(token) == org.call(renewed)
    key["previous_until"] = times.now()
    assert org.call(renewed).key_id
    with pytest.raises(InvalidToken, match="new secret"):
        org.call(token)
    with pytest.raises(InvalidToken, match="no such API key"):
        org.call(api_keys.new_secret(key["id"])[0])


def test_a_key_of_somebody_who_left_acts_for_nobody_else_either(org: Organisation) -> None:
    org.add("gone", active=False)
    token = org.add_key(person="person:gone", on_behalf_of=True)
    with pytest.raises(Forbidden, match="person:gone"):
        org.call(token, Kudos_On_Behalf_Of="person:ada")


def test_a_key_that_may_acts_for_others(org: Organisation) -> None:
    org.add("eve", partner="partner:acme")
    token = org.add_key(on_behalf_of=True)
    caller = org.call(token, Kudos_On_Behalf_Of="person:eve")
    assert (caller.person, caller.partner) == ("person:eve", "partner:acme")
    assert caller.scopes == {scopes.WRITE}
    assert org.call(token, Kudos_On_Behalf_Of="ada").person == "person:ada"
    assert len({org.call(token, Kudos_On_Behalf_Of=each).id for each in ("ada", "eve")}) == 2


def test_acting_for_others_needs_a_key_that_may(
    org: Organisation, token: Callable[..., str]
) -> None:
    for mine in (org.add_key(), token("ada", scopes.ADMIN)):
        with pytest.raises(Forbidden):
            org.call(mine, Kudos_On_Behalf_Of="person:ada")


def test_nobody_acts_for_who_is_not_there(org: Organisation) -> None:
    org.add("gone", active=False)
    mine = org.add_key(on_behalf_of=True)
    for absent in ("person:nobody", "person:gone"):
        with pytest.raises(Forbidden):
            org.call(mine, Kudos_On_Behalf_Of=absent)
    for odd in ("team:core", "Ada", "", "person:"):
        with pytest.raises(BadRequest):
            org.call(mine, Kudos_On_Behalf_Of=odd)
