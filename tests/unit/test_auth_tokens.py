"""Which tokens are believed: those of the issuer, for us, now, and no others."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.auth.jwks import RENEWED_AFTER_SECONDS, RETRY_SECONDS, Jwks
from shared.auth.tokens import LEEWAY_SECONDS, JwtVerifier
from shared.config import Settings
from shared.web.problems import InvalidToken, Unavailable
from tests.unit.token_issuer import (
    AUDIENCE,
    ISSUER,
    Clock,
    JwksHost,
    claims,
    jwks,
    jwks_host,
    new_key,
    sign,
)

RSA, EC, ED = new_key("RS256", "r1"), new_key("ES256", "e1"), new_key("EdDSA", "d1")
KEYS = {"RS256": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}


@pytest.fixture(scope="module")
def host() -> Iterator[JwksHost]:
    with jwks_host(RSA, EC, ED) as running:
        yield running


@pytest.fixture
def verifier(host: JwksHost) -> JwtVerifier:
    return JwtVerifier(host.settings())


def refused(verifier: JwtVerifier, token: str) -> str:
    """Why `token` is refused."""
    with pytest.raises(InvalidToken) as caught:
        verifier.verify(token)
    assert caught.value.headers()["WWW-Authenticate"].startswith(
        'Bearer realm="kudos", error="invalid_token"'
    )
    return str(caught.value)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_of_the_issuer_is_believed(verifier: JwtVerifier, algorithm: str) -> None:
    token = sign(KEYS[algorithm], algorithm, scope="openid kudos:read profile kudos:write")
    verified = verifier.verify(token)
    assert (verified.subject, verified.person) == ("ada", "ada")
    assert verified.scopes == {"kudos:read", "kudos:write"}


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scp": ["kudos:read", 7, "other"]}, {"kudos:read"}),
        ({"scp": "admin"}, {"admin"}),
        ({"scope": "kudos:read", "scp": ["insights:read"]}, {"kudos:read", "insights:read"}),
        ({"scope": {"kudos:read": True}}, set()),
    ],
)
def test_scopes_are_read_as_issuers_write_them(
    verifier: JwtVerifier, changes: dict[str, Any], scopes: set[str]
) -> None:
    assert verifier.verify(sign(RSA, "RS256", **changes)).scopes == scopes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["another", "third"]}, "audience"),
        ({"exp": None}, "never expires"),
        ({"exp": int(time.time()) - LEEWAY_SECONDS - 1}, "expired"),
        ({"exp": "tomorrow"}, "no number"),
        ({"exp": True}, "no number"),
        ({"nbf": int(time.time()) + LEEWAY_SECONDS + 3600}, "not valid yet"),
    ],
)
def test_a_token_for_others_or_other_times_is_refused(
    verifier: JwtVerifier, changes: dict[str, Any], reason: str
) -> None:
    assert reason in refused(verifier, sign(RSA, "RS256", **changes))


def test_one_of_several_audiences_suffices(verifier: JwtVerifier) -> None:
    verifier.verify(sign(RSA, "RS256", aud=["another", AUDIENCE]))


def test_clocks_may_differ_by_a_minute(verifier: JwtVerifier) -> None:
    now = int(time.time())
    verifier.verify(sign(RSA, "RS256", exp=now - 30, nbf=now + 30))


def test_a_token_signed_by_another_key_is_refused(verifier: JwtVerifier) -> None:
    for algorithm, key in KEYS.items():
        stranger = new_key("EdDSA" if algorithm == "Ed25519" else algorithm, key.kid)
        assert "not signed" in refused(verifier, sign(stranger, algorithm))


def test_a_changed_claim_breaks_the_signature(verifier: JwtVerifier) -> None:
    header, _, signature = sign(RSA, "RS256").split(".")
    forged = json.dumps(claims(sub="boss")).encode()
    payload = base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    assert "not signed" in refused(verifier, f"{header}.{payload}.{signature}")


def test_none_is_no_algorithm(verifier: JwtVerifier) -> None:
    payload = sign(RSA, "RS256").split(".")[1]
    for name in ("none", "None", "NONE", ""):
        header = base64.urlsafe_b64encode(json.dumps({"alg": name}).encode()).rstrip(b"=").decode()
        for signature in ("", "AAAA"):
            refused(verifier, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_shared_secret(verifier: JwtVerifier, algorithm: str) -> None:
    """The confusion of RFC 8725 section 2.1: sign with HMAC under the issuer's public key."""
    pem = RSA.raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = OctKey.import_key(base64.b64encode(pem).decode(), {"kid": "r1"})
    assert "algorithm" in refused(verifier, sign(secret, algorithm))


def test_a_key_is_only_used_for_its_own_algorithm(verifier: JwtVerifier) -> None:
    assert "not signed" in refused(verifier, sign(EC, "ES256", {"kid": "r1"}))
    assert "algorithm" in refused(verifier, sign(RSA, "RS512"))
    assert "algorithm" in refused(verifier, sign(RSA, "PS256"))


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_symmetric_weak_and_encryption_keys_of_the_issuer_are_not_used() -> None:
    secret, weak = new_key("HS256", "s1"), RSAKey.generate_key(1024, {"kid": "w1"})
    encryption = RSAKey.generate_key(2048, {"kid": "x1", "use": "enc"})
    document = {"keys": [secret.as_dict(), weak.as_dict(private=False), "odd", {"kty": "EC"}]}
    document["keys"].append(encryption.as_dict(private=False))
    with jwks_host() as host:
        host.body = json.dumps(document).encode()
        verifier = JwtVerifier(host.settings())
        signing = RSAKey.import_key(encryption.as_dict(private=True) | {"use": "sig"})
        for token in (
            sign(secret, "HS256"),
            sign(weak, "RS256"),
            sign(signing, "RS256"),
        ):
            refused(verifier, token)


def test_a_token_without_a_key_id_is_tried_with_every_fitting_key() -> None:
    nameless = new_key("RS256")
    with jwks_host(RSA, nameless, EC) as host:
        token = sign(nameless, "RS256")
        assert "kid" not in json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        assert JwtVerifier(host.settings()).verify(token).person == "ada"


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=200))
def test_no_text_is_more_than_a_refusal(host: JwksHost, text: str) -> None:
    verifier = JwtVerifier(host.settings())
    for token in (text, f"{text}.{text}", f"{text}.{text}.{text}", sign(ED, "EdDSA") + text + "!"):
        refused(verifier, token)


def test_a_token_of_unreasonable_length_is_refused(verifier: JwtVerifier) -> None:
    assert "characters" in refused(verifier, "a" * 20_000)


def test_without_an_issuer_no_jwt_is_accepted() -> None:
    assert "API keys only" in refused(JwtVerifier(Settings()), sign(RSA, "RS256"))


def test_a_believed_token_is_not_verified_again_until_it_expires(host: JwksHost) -> None:
    clock = Clock(time.time())
    verifier = JwtVerifier(host.settings(), clock=clock)
    token = sign(RSA, "RS256", exp=int(clock.now) + 300)
    first = verifier.verify(token)
    assert verifier.verify(token) is first
    clock.now += 300 + LEEWAY_SECONDS
    assert "expired" in refused(verifier, token)


def test_what_is_remembered_is_bounded(host: JwksHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.auth.tokens._REMEMBERED", 10)
    verifier = JwtVerifier(host.settings())
    tokens = [sign(ED, "EdDSA", jti=str(number)) for number in range(30)]
    for token in tokens:
        verifier.verify(token)
    assert list(verifier._known) == tokens[-10:]


def test_the_mail_names_the_person_unless_the_issuer_did_not_verify_it(host: JwksHost) -> None:
    verifier = JwtVerifier(host.settings(jwt_person_claim="email"))
    mail = "Ada@example.com"
    assert verifier.verify(sign(RSA, "RS256", email=mail)).person == mail
    assert verifier.verify(sign(RSA, "RS256", email=mail, email_verified=True)).person == mail
    assert verifier.verify(sign(RSA, "RS256", email=mail, email_verified=False)).person is None
    assert verifier.verify(sign(RSA, "RS256")).person is None


def test_a_new_key_is_fetched_when_a_token_names_it_but_not_for_every_stranger() -> None:
    clock = Clock()
    with jwks_host(RSA) as host:
        keys = Jwks(host.url, clock)
        verifier = JwtVerifier(host.settings(), jwks=keys)
        verifier.verify(sign(RSA, "RS256"))
        assert host.requests == 1
        host.body = jwks(RSA, EC)
        refused(verifier, sign(EC, "ES256"))  # fetched a moment ago
        clock.now += RETRY_SECONDS
        verifier.verify(sign(EC, "ES256"))
        assert host.requests == 2
        for number in range(20):
            refused(verifier, sign(EC, "ES256", {"kid": f"made-up-{number}"}))
        assert host.requests == 2


def test_a_withdrawn_key_is_forgotten_with_all_it_signed() -> None:
    clock = Clock()
    with jwks_host(RSA, EC) as host:
        keys = Jwks(host.url, clock)
        verifier = JwtVerifier(host.settings(), jwks=keys)
        token = sign(EC, "ES256")
        verifier.verify(token)
        host.body = jwks(RSA)
        clock.now += RENEWED_AFTER_SECONDS
        with keys._lock:  # so that the fetch cannot end before
            verifier.verify(token)  # starts it, and does not wait for it
        deadline = time.monotonic() + 5
        while keys.generation < 2 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert "not signed" in refused(verifier, token)


def test_known_keys_serve_on_while_their_host_is_down() -> None:
    clock = Clock()
    with jwks_host(RSA) as host:
        verifier = JwtVerifier(host.settings(), jwks=Jwks(host.url, clock))
        verifier.verify(sign(RSA, "RS256"))
    clock.now += 10 * RENEWED_AFTER_SECONDS
    verifier.verify(sign(RSA, "RS256", jti="2"))
    refused(verifier, sign(EC, "ES256"))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": 5}'),
        (200, b'"' + b"x" * 600_000 + b'"'),
    ],
)
def test_without_any_keys_it_is_503_until_they_come(status: int, body: bytes) -> None:
    clock = Clock()
    with jwks_host() as host:
        good, host.body, host.status = jwks(RSA), body, status
        verifier = JwtVerifier(host.settings(), jwks=Jwks(host.url, clock))
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                verifier.verify(sign(RSA, "RS256"))
        assert caught.value.headers()["Retry-After"]
        assert host.requests == 1
        host.body, host.status = good, 200
        clock.now += 1
        verifier.verify(sign(RSA, "RS256"))


def test_nobody_listening_is_503() -> None:
    with jwks_host() as host:
        pass
    with pytest.raises(Unavailable):
        JwtVerifier(host.settings()).verify(sign(RSA, "RS256"))


def test_threads_that_come_together_fetch_once() -> None:
    with jwks_host(RSA) as host:
        verifier = JwtVerifier(host.settings())
        tokens = [sign(RSA, "RS256", jti=str(number)) for number in range(16)]
        with ThreadPoolExecutor(16) as pool:
            assert len(list(pool.map(verifier.verify, tokens))) == 16
        assert host.requests == 1


def test_keys_may_come_from_a_file(tmp_path: Any) -> None:
    file = tmp_path / "key set.json"
    file.write_bytes(jwks(ED))
    settings = Settings(jwks_url=file.as_uri(), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    assert JwtVerifier(settings).verify(sign(ED, "EdDSA")).person == "ada"
    file.unlink()
    with pytest.raises(Unavailable):
        JwtVerifier(settings).verify(sign(ED, "EdDSA"))


def test_a_thread_that_looked_before_anothers_first_fetch_finds_the_key(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    keys = Jwks(path.as_uri())
    looked, fetched = threading.Event(), threading.Event()
    look = keys._find

    def find(kid: str | None, key_type: str) -> Any:
        found = look(kid, key_type)
        if threading.current_thread().name.startswith("late") and not looked.is_set():
            looked.set()
            assert fetched.wait(20)
        return found

    keys._find = find  # type: ignore[method-assign]
    with ThreadPoolExecutor(1, "late") as pool:
        late = pool.submit(keys.find, key.kid, "EC")
        assert looked.wait(20)
        assert len(keys.find(key.kid, "EC")) == 1
        fetched.set()
        assert len(late.result(20)) == 1
