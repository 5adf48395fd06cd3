"""JSON Web Tokens of the configured issuer: verified once, then known until they expire."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact

from shared.auth import scopes
from shared.auth.jwks import Jwks
from shared.config import Settings
from shared.web.problems import InvalidToken

KEY_TYPES = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
"""The algorithms that are accepted, each with the type of key it takes. Never `none`, and none
of the symmetric ones, whose key would be the issuer's public one (RFC 8725 section 2.1)."""

LEEWAY_SECONDS = 60
"""How far the issuer's clock may be off."""

_REMEMBERED = 4096
_LONGEST_TOKEN = 16_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified token says: `person` is the claim that names the person, as it stands."""

    subject: str
    person: str | None
    scopes: frozenset[str]
    expires: float


class _Registry(JWSRegistry):
    """The allowlist, and headers as issuers really write them."""

    max_header_length = 8_000

    def get_alg(self, name: str) -> Any:
        """The algorithm. The library warns of the name EdDSA, which most issuers still use."""
        if name not in KEY_TYPES:
            raise UnsupportedAlgorithmError(f"the algorithm {name} is not accepted")
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


class JwtVerifier:
    """Verifies tokens against the JWKS of `settings`; safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        jwks: Jwks | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._jwks = jwks or (Jwks(settings.jwks_url) if settings.jwks_url else None)
        self._known: OrderedDict[str, Verified] = OrderedDict()
        self._generation = 0
        self._lock = threading.Lock()

    def verify(self, token: str) -> Verified:
        """What `token` says. Raises InvalidToken with the reason, or Unavailable when no key was
        ever obtained."""
        if self._jwks is None:
            raise InvalidToken("This deployment takes API keys only; no token issuer is configured")
        self._jwks.refresh_when_old()
        known = self._known.get(token)
        if known is not None and self._generation == self._jwks.generation:
            if known.expires + LEEWAY_SECONDS <= self._clock():
                raise InvalidToken("The token has expired")
            return known
        verified = self._verify(token, self._jwks)
        self._remember(token, verified)
        return verified

    def _remember(self, token: str, verified: Verified) -> None:
        assert self._jwks is not None
        with self._lock:
            if self._generation != self._jwks.generation:
                self._known.clear()
                self._generation = self._jwks.generation
            self._known[token] = verified
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _verify(self, token: str, keys: Jwks) -> Verified:
        if len(token) > _LONGEST_TOKEN:
            raise InvalidToken(f"The token has more than {_LONGEST_TOKEN} characters")
        claims = self._claims_signed(token, keys)
        now = self._clock()
        if claims.get("iss") != self.settings.jwt_issuer:
            raise InvalidToken("The token is of another issuer")
        audience = claims.get("aud")
        if self.settings.jwt_audience not in (
            audience if isinstance(audience, list) else [audience]
        ):
            raise InvalidToken("The token is for another audience")
        expires = _instant(claims, "exp")
        if expires is None:
            raise InvalidToken("The token never expires; one with `exp` is needed")
        if expires + LEEWAY_SECONDS <= now:
            raise InvalidToken("The token has expired")
        if (_instant(claims, "nbf") or 0) - LEEWAY_SECONDS > now:
            raise InvalidToken("The token is not valid yet")
        person = claims.get(self.settings.jwt_person_claim)
        if self.settings.jwt_person_claim == "email" and claims.get("email_verified") is False:
            person = (
                None  # whoever may register any address at the issuer must not become its owner
            )
        return Verified(
            subject=str(claims.get("sub", "")),
            person=person if isinstance(person, str) else None,
            scopes=_scopes(claims),
            expires=expires,
        )

    def _claims_signed(self, token: str, keys: Jwks) -> dict[str, Any]:
        """The claims of a token whose signature one of the keys made."""
        try:
            header = extract_compact(token.encode("ascii"), registry=_REGISTRY).headers()
        except (JoseError, ValueError, TypeError, AttributeError):
            raise InvalidToken("The token is neither a JWT nor an API key") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
            raise InvalidToken(f"The token's algorithm is not one of {', '.join(KEY_TYPES)}")
        if kid is not None and not isinstance(kid, str):
            raise InvalidToken("The token's key id is no text")
        for key in keys.find(kid, KEY_TYPES[algorithm]):
            if key.get("alg") not in {None, algorithm} and KEY_TYPES[algorithm] != "OKP":
                continue
            try:
                return jwt.decode(token, key, registry=_REGISTRY).claims
            except (JoseError, ValueError, TypeError):  # not this key's; told below
                continue
        raise InvalidToken("The token is not signed by a key of the issuer")


def _instant(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"The token's `{name}` is no number")
    return float(value)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Those of ours among `scope` (RFC 9068: words in one text) and `scp` (some issuers' list)."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            found.update(value.split())
        elif isinstance(value, list):
            found.update(each for each in value if isinstance(each, str))
    return frozenset(found & scopes.ALL)
