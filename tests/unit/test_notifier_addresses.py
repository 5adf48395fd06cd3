"""No webhook reaches what is inside: every address, name and spelling that was ever tried."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.addresses import refusal
from services.notifier.domain.targets import (
    RefusedTarget,
    check_addresses,
    parse_target,
)

INSIDE_V4 = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.0.0.53", "127.255.255.254", "168.63.129.16",
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
]  # fmt: skip
INSIDE_V6 = [
    "::", "::1", "::2", "::7f00:1", "::10.0.0.1", "::8.8.8.8",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.1.2.3",
    "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "100::1", "100:0:0:1::1", "2001::1",
    "2001:0:7f00:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:808:808", "2620:4f:8000::1", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1",
    "fec0::1", "ff02::1", "ff0e::1", "2606:4700::1%eth0",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.17", "169.253.255.255", "172.15.255.255",
    "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2400::1",
]  # fmt: skip


@pytest.mark.parametrize("text", [*INSIDE_V4, *INSIDE_V6])
def test_an_address_inside_is_refused(text: str) -> None:
    assert refusal(ip_address(text)) is not None


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_public_address_is_not(text: str) -> None:
    assert refusal(ip_address(text)) is None


@pytest.mark.parametrize("form", ["::ffff:{}", "64:ff9b::{}", "::{}", "2002:{:x}::", "::ffff:0:{}"])
@given(number=st.integers(0, 2**32 - 1))
def test_no_ipv6_form_opens_what_its_ipv4_address_does_not(form: str, number: int) -> None:
    inner = ip_address(number)
    text = form.format((number >> 16) or 1) if ":x" in form else form.format(inner)
    outer = ip_address(text)
    if refusal(inner) is not None:
        assert refusal(outer) is not None


def test_the_operators_list_opens_what_it_names_and_nothing_else() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"):
        assert refusal(ip_address(text), allowed) is None
    for text in ("10.2.0.1", "127.0.0.1", "::ffff:10.2.0.1", "fd00:2::1", "2002:a01:203::1"):
        assert refusal(ip_address(text), allowed) is not None


ODD_URLS = [
    "", "hook", "//example.com/", "http:/example.com", "https://", "https:///path",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
    "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
    "https://example.com@127.0.0.1/", "https://example.com/#fragment", "https://example.com#",
    "https://example.com:0/", "https://example.com:/", "https://example.com:65536/",
    "https://example.com:-1/", "https://example.com:4a3/", "https://exa mple.com/",
    "https://example.com/a b", "https://example.com\\@127.0.0.1/", "https://example.com\r\n/",
    "https://example.com/\r\nX: y", "https://example.com/\x00", "https://exämple.com/",
    "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/",
    "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.01/",
    "https://127.0.0.1.5/", "https://127.0.0.256/", "https://0x7f.1/", "https://0/", "https://0x/",
    "https://127.0.0.1./", "https://1.2.3.4.5/", "https://example.1/", "https://example.0x1/",
    "https://example..com/", "https://.example.com/", "https://example.com./",
    "https://-example.com/", "https://example-.com/", "https://ex%61mple.com/",
    "https://%31%32%37.0.0.1/", "https://[::1", "https://[::1]x/", "https://[::1]:x/",
    "https://[127.0.0.1]/", "https://[::ffff:127.0.0.1%25eth0/", "https://[1::2::3]/",
    "https://[v1.fe80::a]/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
    "https://" + "a" * 64 + ".com/", "https://" + "a." * 127 + "com/",
    "https://example.com/" + "a" * 2048, "https://example.com/<script>", 'https://example.com/"',
]  # fmt: skip


@pytest.mark.parametrize("url", ODD_URLS)
def test_an_odd_url_is_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(RefusedTarget):
        parse_target(url)


@pytest.mark.parametrize(
    "url",
    [
        *(f"https://{text}/" for text in INSIDE_V4),
        *(f"https://[{text}]/" for text in INSIDE_V6 if "%" not in text),
        "http://8.8.8.8/",
        "http://8.8.8.8:443/",
        "https://8.8.8.8:80/",
        "https://8.8.8.8:22/",
        "https://8.8.8.8:8080/",
        "https://8.8.8.8:6379/",
    ],
)
def test_an_address_or_port_or_scheme_is_refused_in_a_url(url: str) -> None:
    target = parse_target(url)
    assert target.address is not None
    with pytest.raises(RefusedTarget):
        check_addresses(target, [target.address], [])


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("https://EXAMPLE.com/a?b=c", "example.com", 443, "/a?b=c", "example.com"),
        ("HTTPS://example.com:443/", "example.com", 443, "/", "example.com"),
        ("https://hooks.example.com:8443/x", "hooks.example.com", 8443, "/x", None),
        ("https://xn--exmple-cua.com/", "xn--exmple-cua.com", 443, "/", "xn--exmple-cua.com"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "/", "[2606:4700::1111]:8443"),
        ("https://1e100.net/", "1e100.net", 443, "/", "1e100.net"),
        ("https://example.com?x=1", "example.com", 443, "/?x=1", "example.com"),
    ],
)
def test_a_plain_url_is_understood(
    url: str, host: str, port: int, path: str, authority: str | None
) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == (authority or f"{host}:{port}")
    check_addresses(target, [ip_address("8.8.8.8")], [])


def test_a_name_with_one_address_inside_is_refused_whatever_the_others_are() -> None:
    target = parse_target("https://example.com/")
    with pytest.raises(RefusedTarget, match="loopback"):
        check_addresses(target, [ip_address("8.8.8.8"), ip_address("127.0.0.1")], [])
    with pytest.raises(RefusedTarget, match="no address"):
        check_addresses(target, [], [])


def test_http_and_any_port_are_for_the_operators_own_networks() -> None:
    allowed = (ip_network("10.0.0.0/8"),)
    inside, outside = ip_address("10.1.1.1"), ip_address("8.8.8.8")
    target = parse_target("http://intranet:8080/hook")
    check_addresses(target, [inside], allowed)
    for addresses in ([outside], [inside, outside]):
        with pytest.raises(RefusedTarget, match="https"):
            check_addresses(target, addresses, allowed)


def test_a_refusal_tells_no_address() -> None:
    with pytest.raises(RefusedTarget) as refused:
        check_addresses(parse_target("https://db.internal/"), [ip_address("10.9.8.7")], [])
    assert "10.9.8.7" not in str(refused.value)
