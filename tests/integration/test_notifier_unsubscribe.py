"""Unsubscribing from mail by the link in it: no signing in, one click, and nothing by looking."""

import dataclasses
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from services.notifier.domain.notices import KINDS
from services.notifier.unsubscribing import Subscription, link_of, subscription_of, token_of
from shared.config import Settings
from shared.mongo import Client
from shared.secret_keys import SecretKey, new_key
from shared.vault import Vault
from tests.notifier_parts import V1, Notifier, person

KEY, OTHER_KEY = SecretKey(bytes(32)), SecretKey(b"x" * 32)
"""Fixed: what they sign stands in names of tests, which every process must agree on."""
VAULT = Vault((KEY,))
CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Any:
    parts = Notifier(dataclasses.replace(settings, secret_keys=(KEY,)), client)
    parts.publish(person("person:grace"), person("person:ada.b"))
    yield parts
    parts.close()


def path_of(person: str = "person:grace", kind: str = "thanks") -> str:
    url = urlsplit(link_of(VAULT, "https://kudos.example.org/", person, kind))
    assert f"{url.scheme}://{url.netloc}" == "https://kudos.example.org"
    return f"{url.path}?{url.query}"


def preferences(notifier: Notifier, of: str = "person:grace") -> Any:
    return notifier.db["preferences"].find_one({"_id": of})


def test_looking_at_the_link_changes_nothing(notifier: Notifier) -> None:
    web = notifier.app.test_client()
    for method in ("GET", "HEAD"):
        answer = web.open(path_of(), method=method)
        assert answer.status_code == 200
        assert answer.content_type == "text/html; charset=utf-8"
    assert "No more mail about thanks to you and your team?" in web.get(path_of()).text
    assert preferences(notifier) is None


def test_one_click_ends_mail_of_that_kind_and_a_second_changes_nothing(notifier: Notifier) -> None:
    web = notifier.app.test_client()
    for _ in range(2):
        answer = web.post(path_of(), data=CLICK)
        assert answer.status_code == 200
        assert "No more mail about thanks to you and your team." in answer.text
        assert preferences(notifier)["channels"] == {"thanks": {"mail": False}}


def test_as_rfc_8058_allows_it_may_be_sent_as_multipart(notifier: Notifier) -> None:
    answer = notifier.app.test_client().post(
        path_of(), data=CLICK, content_type="multipart/form-data"
    )
    assert answer.status_code == 200
    assert preferences(notifier)["channels"] == {"thanks": {"mail": False}}


def test_what_was_chosen_before_stays(notifier: Notifier) -> None:
    held = {"_id": "person:grace", "channels": {"asks": {"chat": True}}, "timezone": "UTC"}
    notifier.db["preferences"].insert_one(held)
    notifier.app.test_client().post(path_of(kind="asks"), data=CLICK)
    channels = {"asks": {"chat": True, "mail": False}}
    assert preferences(notifier) == {**held, "channels": channels}


def test_the_page_offers_to_end_all_mail(notifier: Notifier) -> None:
    web = notifier.app.test_client()
    (action,) = re.findall(r'action="([^"]+)"', web.get(path_of()).text)
    answer = web.post(f"{V1}/unsubscribe{action}", data=CLICK)
    assert "No more mail from Kudos." in answer.text
    assert preferences(notifier)["channels"] == {kind: {"mail": False} for kind in KINDS}


@pytest.mark.parametrize(
    "data", [{}, {"List-Unsubscribe": "no"}, {**CLICK, "more": "x"}, {"other": "One-Click"}]
)
def test_another_body_is_refused(notifier: Notifier, data: dict[str, str]) -> None:
    answer = notifier.app.test_client().post(path_of(), data=data)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert preferences(notifier) is None


def forged() -> list[str]:
    token = token_of(VAULT, Subscription("person:grace", "thanks"))
    other = token_of(Vault((OTHER_KEY,)), Subscription("person:grace", "thanks"))
    signature = token.rpartition("/")[2]
    return [
        token[:-1], token + "x", other, f"person:ada.b/thanks/{signature}",
        f"person:grace/asks/{signature}", f"person:grace/all/{signature}",
        f"person:grace/thanks/{VAULT.sign('person:grace/thanks', 'something else')}",
        "person:grace/thanks/", "person:grace", "x", "//", f"person:grace/thanks/x/{signature}",
        "person:grace/thanks/ü", "\0",
    ]  # fmt: skip


@pytest.mark.parametrize("token", forged())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_we_did_not_sign_is_unknown(
    notifier: Notifier, token: str, method: str
) -> None:
    path = f"{V1}/unsubscribe?token={quote(token)}"
    answer = notifier.app.test_client().open(path, method=method, data=CLICK)
    assert answer.status_code == 404
    assert "not signed by this suite" in answer.json["detail"]
    assert preferences(notifier) is None


@pytest.mark.parametrize(
    ("query", "code"),
    [("", 404), ("?token=", 404), ("?token=x&more=1", 422), ("?token=" + "x" * 600, 422)],
)
def test_a_query_that_is_none_is_a_problem(notifier: Notifier, query: str, code: int) -> None:
    answer = notifier.app.test_client().get(f"{V1}/unsubscribe{query}")
    assert answer.status_code == code
    assert answer.content_type == "application/problem+json"


def test_a_key_that_was_replaced_still_unsubscribes(settings: Settings, client: Client) -> None:
    rotated = dataclasses.replace(settings, secret_keys=(new_key(), KEY))
    parts = Notifier(rotated, client)
    parts.publish(person("person:grace"))
    assert parts.app.test_client().post(path_of(), data=CLICK).status_code == 200
    assert preferences(parts)["channels"] == {"thanks": {"mail": False}}
    parts.close()


def test_of_somebody_who_was_forgotten_nothing_is_kept(notifier: Notifier) -> None:
    answer = notifier.app.test_client().post(path_of("person:nobody"), data=CLICK)
    assert answer.status_code == 200
    assert preferences(notifier, "person:nobody") is None


def test_the_page_speaks_the_persons_language_or_the_browsers(notifier: Notifier) -> None:
    web = notifier.app.test_client()
    german = web.get(path_of(), headers={"Accept-Language": "fr, de-AT;q=0.9, en;q=0.5"}).text
    assert '<html lang="de">' in german
    assert "Keine Mails mehr zu: Dank an dich und dein Team?" in german
    notifier.db["preferences"].insert_one({"_id": "person:grace", "language": "de"})
    assert '<html lang="de">' in web.get(path_of()).text
    assert '<html lang="en">' in web.get(path_of("person:ada.b")).text


def test_the_page_can_do_nothing_else(notifier: Notifier) -> None:
    headers = notifier.app.test_client().get(path_of()).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_each_kind_has_a_link_that_is_read_again(notifier: Notifier, kind: str) -> None:
    url = link_of(VAULT, "https://kudos.example.org", "person:ada.b", kind)
    (token,) = parse_qs(urlsplit(url).query)["token"]
    assert subscription_of(VAULT, token) == Subscription("person:ada.b", kind)
    assert notifier.app.test_client().get(path_of("person:ada.b", kind)).status_code == 200


def test_it_stands_in_the_document(notifier: Notifier) -> None:
    document = notifier.app.test_client().get("/notifier/openapi.json").json
    path = document["paths"][f"{V1}/unsubscribe"]
    assert path["post"]["security"] == []
    assert path["get"]["security"] == []
    assert list(path["post"]["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]
    assert list(path["get"]["responses"]["200"]["content"]) == ["text/html"]
