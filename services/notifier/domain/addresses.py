"""Which addresses a webhook may be sent to: nothing inside, unless the operator opens it.

Pure tables, from the IANA special-purpose address registries (RFC 6890 and its updates), rather
than `ipaddress.is_global`, whose answers differ between versions of Python.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_V4 = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers (CGNAT)",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's metadata service",
    "169.254.0.0/16": "link-local, where clouds keep their metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "for documentation",
    "192.31.196.0/24": "reserved (AS112)",
    "192.52.193.0/24": "reserved (AMT)",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "reserved (AS112)",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_V6 = {
    "2001::/23": "reserved for protocols (Teredo, benchmarks)",
    "2001:db8::/32": "for documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "reserved (AS112)",
    "3fff::/20": "for documentation",
}
_NAMED_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "fc00::/7": "private (unique local)",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_REFUSED: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(network), meaning) for network, meaning in (_V4 | _V6 | _NAMED_V6).items()
)
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")


def refusal(address: IPAddress, allowed: Iterable[IPNetwork] = ()) -> str | None:
    """Why no webhook may go to `address`, in words; None when it may.

    An address in one of `allowed` may. Of the forms that carry an IPv4 address in an IPv6 one,
    mapped (::ffff:a.b.c.d) and NAT64 (64:ff9b::a.b.c.d) stand for what they carry; all others
    (compatible, 6to4, Teredo, ISATAP, private NAT64) are refused whatever they carry.
    """
    if is_allowed(address, allowed):
        return None
    carried = _carried(address)
    if carried is not None:
        return refusal(carried)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "bound to one link"
    for network, meaning in _REFUSED:
        if address in network:
            return meaning
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL_UNICAST_V6:
            return "outside the public range"
        if _is_isatap(address):
            return "ISATAP"
    return None


def is_allowed(address: IPAddress, allowed: Iterable[IPNetwork]) -> bool:
    """Whether the operator's list opens `address`, itself or the one that it carries."""
    networks = tuple(allowed)
    return any(form in network for form in _forms(address) for network in networks)


def _forms(address: IPAddress) -> Iterator[IPAddress]:
    yield address
    carried = _carried(address)
    if carried is not None:
        yield carried


def _carried(address: IPAddress) -> IPv4Address | None:
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _is_isatap(address: IPv6Address) -> bool:
    """RFC 5214 section 6.1: the interface identifier is ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d."""
    return (int(address) >> 32) & 0xFDFF_FFFF == 0x5EFE
