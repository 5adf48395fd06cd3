"""URLs of webhook endpoints: which are accepted, and what they resolve to may be.

Whatever a URL parser could read in two ways is refused: the host that is checked must be the one
that is connected to (WHATWG URL section 3.5 "ends in a number"; RFC 3986 section 3.2.2).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from services.notifier.domain.addresses import IPAddress, IPNetwork, is_allowed, refusal

MAX_URL = 2048
PORTS = (443, 8443)
"""The ports that are open to webhooks outside the operator's own networks."""

_NOT_IN_URL = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED_QUAD = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class RefusedTarget(ValueError):
    """A URL that no webhook may be sent to; the message says why and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes: `host` in lower case without brackets, `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str
    address: IPAddress | None
    """The host when it is an address and not a name."""

    @property
    def authority(self) -> str:
        """The header `Host`: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(1024)  # each delivery asks; what is refused is asked again
def parse_target(url: str) -> Target:
    """The target that `url` names. Raises RefusedTarget for every doubtful spelling."""
    if len(url) > MAX_URL:
        raise RefusedTarget(f"has {len(url)} characters; up to {MAX_URL} are accepted")
    if _NOT_IN_URL.search(url):
        raise RefusedTarget("holds a character that belongs in no URL; percent-encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedTarget("is not a URL like https://example.com/hook") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise RefusedTarget("must start with https://")
    if "@" in parts.netloc:
        raise RefusedTarget("must not hold a user name or password")
    if "#" in url:
        raise RefusedTarget("must not have a fragment (#)")
    host, address = _host(parts.netloc)
    if port == 0 or parts.netloc.endswith(":"):
        raise RefusedTarget("has no usable port")
    return Target(
        scheme=parts.scheme,
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        address=address,
    )


def check_addresses(
    target: Target, addresses: Iterable[IPAddress], allowed: Iterable[IPNetwork]
) -> None:
    """Refuse a target one of whose addresses is not to be reached, or not in this way.

    http, and other ports than 443 and 8443, are for the operator's own networks (`allowed`)
    only. Raises RefusedTarget; it names no address, which would tell strangers what is inside.
    """
    networks, found = tuple(allowed), tuple(addresses)
    if not found:
        raise RefusedTarget("has a host that no address is known of")
    for address in found:
        reason = refusal(address, networks)
        if reason is not None:
            raise RefusedTarget(f"leads to an address that is {reason}: webhooks may not go there")
    if all(is_allowed(address, networks) for address in found):
        return
    if target.scheme != "https":
        raise RefusedTarget("must start with https://")
    if target.port not in PORTS:
        raise RefusedTarget("must use port " + " or ".join(map(str, PORTS)))


def _host(netloc: str) -> tuple[str, IPAddress | None]:
    if netloc.startswith("["):
        text, _, rest = netloc[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise RefusedTarget("has a host that is neither a name nor an address")
        try:
            return text.lower(), IPv6Address(text)
        except ValueError:
            raise RefusedTarget("has a host that is no IPv6 address") from None
    text = netloc.partition(":")[0].lower()
    if not text:
        raise RefusedTarget("has no host; write one like https://example.com/hook")
    if _DOTTED_QUAD.fullmatch(text):
        try:
            return text, IPv4Address(text)
        except ValueError:
            raise RefusedTarget("has a host that is no IPv4 address") from None
    labels = text.split(".")
    if _NUMBER.fullmatch(labels[-1] or labels[-2 if len(labels) > 1 else -1]):
        raise RefusedTarget("writes an IPv4 address in an odd way; write it as 192.0.2.1")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise RefusedTarget("has a host that is no name of the DNS (write others in punycode)")
    return text, None


def parse_address(text: str) -> IPAddress:
    """The address that a resolver answered. Raises ValueError."""
    return ip_address(text)
