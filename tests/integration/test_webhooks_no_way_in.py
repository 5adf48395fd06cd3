"""No webhook reaches what is inside: refused when the endpoint is made and when it is sent.

Names resolve as the test says, and differently the second time.
"""

import dataclasses
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from services.notifier.sending import Sender
from shared.config import Settings
from shared.mongo import Client
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, recognition

PUBLIC = "93.184.215.14"

ADDRESSES = {
    # IPv4: what is inside, plain
    "127.0.0.1": "loopback", "127.255.255.254": "loopback", "0.0.0.0": "unspecified",
    "10.0.0.1": "private", "172.16.0.1": "private", "172.31.255.255": "private",
    "192.168.1.1": "private", "100.64.0.1": "CGNAT", "100.127.255.255": "CGNAT",
    "169.254.0.1": "link-local", "169.254.169.254": "link-local", "169.254.170.2": "link-local",
    "168.63.129.16": "metadata", "100.100.100.200": "CGNAT", "192.0.0.192": "protocols",
    "224.0.0.1": "multicast", "239.255.255.250": "multicast", "240.0.0.1": "reserved",
    "255.255.255.255": "reserved", "192.0.2.1": "documentation", "198.18.0.1": "benchmarks",
    "198.51.100.7": "documentation", "203.0.113.7": "documentation", "192.88.99.1": "6to4",
    # IPv6
    "::1": "loopback", "::": "unspecified", "fe80::1": "link-local", "fec0::1": "site-local",
    "fc00::1": "private", "fd12:3456::1": "private", "fd00:ec2::254": "private",
    "fd20:ce::254": "private", "ff02::1": "multicast", "ff0e::1": "multicast",
    "2001:db8::1": "documentation", "100::1": "outside",
    # IPv4 within IPv6
    "::ffff:127.0.0.1": "loopback", "::ffff:7f00:1": "loopback", "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link-local", "::ffff:a9fe:a9fe": "link-local",
    "::127.0.0.1": "outside", "::a00:1": "outside", "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private", "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::8.8.8.8": "outside", "64:ff9b:1:abcd::a00:1": "outside",
    "2002:7f00:1::1": "6to4", "2002:a9fe:a9fe::1": "6to4", "2001:0:4136:e378::1": "Teredo",
    "2606:4700::5efe:a00:1": "ISATAP", "::ffff:0:127.0.0.1": "outside",
}  # fmt: skip
"""Address -> a word of why it is refused."""

SPELLINGS = [
    # of 127.0.0.1 and 169.254.169.254
    "https://2130706433/", "https://0x7f000001/", "https://0x7F.0x0.0x0.0x1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.1/",
    "https://0x7f.1/", "https://127.0.0.01/", "https://127.0.0.1./", "https://2852039166/",
    "https://0xa9fea9fe/", "https://0251.0376.0251.0376/", "https://169.254.43518/",
    "https://127。0。0。1/", "https://127.0.0.1。/", "https://①②⑦.⓪.⓪.①/",
    "https://%31%32%37.0.0.1/", "https://127.0.0.1%2f@example.com/", "https://0/", "https://0x/",
    "https://[127.0.0.1]/", "https://[::ffff:127.0.0.1%25lo]/", "https://[fe80::1%25eth0]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/", "https://[::FFFF:127.0.0.1]/", "https://[::1", "https://[]/",
    # who is asked, in doubt
    "https://user@example.com/", "https://user:secret@example.com/", "https://@example.com/",
    "https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/",
    "https://example.com\\@127.0.0.1/", "https://example.com%00.internal/",
    "https://example.com\r\nHost: inside/", "https://example.com/\r\nX: y", "https://exa mple.com/",
    "https://ex\tample.com/", "https://bücher.example/", "https://example..com/", "https:///hook",
    # schemes and ports
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
    "dict://example.com:11211/", "ldap://example.com/", "javascript:alert(1)", "data:text/plain,x",
    "https:example.com", "//example.com/", "example.com", "https://example.com:22/",
    "https://example.com:25/", "https://example.com:80/", "https://example.com:6379/",
    "https://example.com:27017/", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:/", "https://example.com:-1/", "https://example.com:4²3/",
]  # fmt: skip

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "xn--inside-cua.example": ["192.168.0.9"],
    "one-of-two.example": [PUBLIC, "10.0.0.1"],
    "six.example": ["fd00:ec2::254"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "nat64.example": ["64:ff9b::c0a8:101"],
    "scoped.example": ["fe80::1%eth0"],
    "nobody.example": [],
    "nonsense.example": ["not an address"],
    "unknown.example": None,
}

URLS = [
    *(f"https://[{each}]/" if ":" in each else f"https://{each}/" for each in ADDRESSES),
    *SPELLINGS,
    *(f"https://{name}/" for name in NAMES),
]


def resolver(host: str, _port: int) -> list[str]:
    """As the operating system would: it knows every name as public but those inside."""
    known = NAMES.get(host, [PUBLIC])
    if known is None:
        raise socket.gaierror("no such name")
    return known


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client, resolver=resolver)
    yield notifier
    notifier.close()


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection is found out."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)


def test_the_table_is_large_enough() -> None:
    assert len(set(URLS)) == len(URLS) >= 120


def test_each_is_refused_when_an_endpoint_is_made(notifier: Notifier) -> None:
    let_in = []
    for url in URLS:
        answer = notifier.call("POST", "/webhooks", json={"url": url})
        pointers = [error["pointer"] for error in answer.json.get("errors", [])]
        if answer.status_code != 422 or pointers != ["/url"]:
            let_in.append((url, answer.status_code, answer.text))
    assert let_in == []
    assert notifier.db["webhooks"].count_documents({}) == 0


def test_each_is_refused_when_an_endpoint_is_changed(notifier: Notifier) -> None:
    made = notifier.subscribe("https://hooks.example/")
    path, match = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    changed = [
        url
        for url in URLS
        if notifier.call("PATCH", path, json={"url": url}, headers=match).status_code != 422
    ]
    assert changed == []


def test_each_is_refused_when_it_is_sent(no_connection: None) -> None:
    """Whatever stood in the database, however it came there."""
    sender = Sender((), resolver=resolver, timeout_seconds=1)
    reached = [
        (url, answer)
        for url in URLS
        if (answer := sender.post(url, b"{}", {})).error is None
        or not answer.error.startswith("the URL ")
        or answer.status is not None
    ]
    assert reached == []
    sender.close()


@pytest.mark.parametrize(("address", "why"), ADDRESSES.items())
def test_a_name_that_leads_there_the_second_time_is_refused_then(
    settings: Settings, client: Client, no_connection: None, address: str, why: str
) -> None:
    """It was public when the endpoint was made; when it is sent, it is not any more."""
    answers = iter([[PUBLIC], [address], [PUBLIC, address]])
    notifier = Notifier(settings, client, resolver=lambda *_: next(answers))
    endpoint = notifier.subscribe("https://rebinding.example/hook")
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    [attempt] = notifier.attempts(endpoint)
    assert (attempt["outcome"], attempt["status"]) == ("failed", None)
    assert why in attempt["error"]
    assert address not in attempt["error"], "strangers are not told what is inside"
    path = f"/webhooks/{endpoint['id']}/attempts/{attempt['id']}/resend"
    notifier.dispatch_until(lambda: notifier.db["deliveries"].find_one({"attempts": 1}))
    assert notifier.call("POST", path).status_code == 202
    notifier.dispatch_until(lambda: len(notifier.attempts(endpoint)) == 2)
    assert why in notifier.attempts(endpoint)[0]["error"], "one of two is enough"
    notifier.close()


def test_the_checked_address_is_the_one_connected_to(settings: Settings, client: Client) -> None:
    """Between check and use nobody is asked again: a third answer would lead elsewhere."""
    asked: list[str] = []

    def changing(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) <= 2 else ["127.0.0.3"]

    with hooks(host="127.0.0.2") as checked, hooks(host="127.0.0.3") as other:
        allowed = (ip_network("127.0.0.2/32"),)
        ours = dataclasses.replace(settings, webhook_allow=allowed)
        notifier = Notifier(ours, client, resolver=changing)
        endpoint = notifier.subscribe(f"http://changing.example:{checked.port}/hook")
        notifier.publish(recognition())
        notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
        notifier.publish(recognition())
        notifier.dispatch_until(lambda: len(notifier.attempts(endpoint)) == 2)
        assert len(checked.arrived) == 1
        assert other.arrived == []
        assert "loopback" in notifier.attempts(endpoint)[0]["error"]
        assert asked == ["changing.example"] * 3
        notifier.close()


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


def test_what_the_operator_opens_passes_and_nothing_beside_it(
    settings: Settings, client: Client, received: Hooks
) -> None:
    """KUDOS_WEBHOOK_ALLOW: http and any port, on that address alone."""
    ours = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.1/32"),))
    notifier = Notifier(ours, client, resolver=resolver)
    notifier.subscribe(received.url())
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    assert len(received.arrived) == 1
    for url in ("http://127.0.0.2/", "https://10.0.0.1/", "https://localhost/", "http://[::1]/"):
        assert notifier.call("POST", "/webhooks", json={"url": url}).status_code == 422, url
    notifier.close()


@pytest.mark.parametrize(
    "url", ["https://hooks.example/", "https://hooks.example:8443/x?y=z", f"https://{PUBLIC}/"]
)
def test_what_is_public_passes(notifier: Notifier, url: str) -> None:
    assert notifier.call("POST", "/webhooks", json={"url": url}).status_code == 201
