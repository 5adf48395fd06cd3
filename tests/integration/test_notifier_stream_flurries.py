"""A flurry in the live stream: the item comes again under its new number, and counts once."""

from collections.abc import Iterator

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.integration.test_notifier_streams import listen
from tests.notifier_parts import Notifier
from tests.streams import Serving, close_all, serving
from tests.told_parts import Story


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client)
    yield notifier
    close_all()
    notifier.close()


@pytest.fixture
def server(notifier: Notifier) -> Iterator[Serving]:
    with serving(notifier.settings, notifier.client) as server:
        yield server


def test_an_item_into_which_something_is_folded_comes_again_at_once(
    notifier: Notifier, server: Serving
) -> None:
    stream = listen(notifier, server, "bob", seconds=5.0)
    story = Story()
    notifier.publish(story.first)
    assert stream.named("item").data["unread"] == 1
    notifier.publish(story.reacted("person:cy"))
    first = stream.named("item")
    assert (first.data["count"], first.data["who"], first.data["unread"]) == (1, ["person:cy"], 2)
    notifier.publish(story.reacted("person:dan"))
    again = stream.named("item")
    assert again.data["id"] == first.data["id"]
    assert (again.id or 0) > (first.id or 0)
    assert (again.data["count"], again.data["unread"]) == (2, 2)
    assert set(again.data["people"]) >= {"person:cy", "person:dan"}
    other = Story()
    notifier.publish(other.first)
    assert stream.named("item").data["unread"] == 3


def test_who_comes_back_is_told_of_the_flurry_once(notifier: Notifier, server: Serving) -> None:
    story = Story()
    notifier.publish(story.first, story.reacted("person:cy"))
    stream = listen(notifier, server, "bob", after=0)
    seen = [stream.named("item").id for _ in range(2)]
    stream.close()
    notifier.publish(story.reacted("person:dan"), story.reacted("person:eve"))
    again = listen(notifier, server, "bob", after=seen[-1]).named("item")
    assert again.data["count"] == 3
    assert again.data == {
        **notifier.call("GET", "/inbox", "bob").json["items"][0],
        "people": again.data["people"],
        "unread": 2,
    }
