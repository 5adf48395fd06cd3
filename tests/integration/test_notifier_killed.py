"""A fan-out that is killed again and again makes exactly one item and one message for each."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.message_parts import KEY, Post
from tests.notifier_parts import person, recognition, wait_until

CODE = """
from services.notifier.fan_out import main
from shared.config import load_settings
main(load_settings())
"""
TEAM = [f"person:m{number}" for number in range(6)]


@contextmanager
def fan_out(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A fan-out as a process, killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
        "KUDOS_SECRET_KEYS": KEY.text,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_fan_out_that_is_killed_tells_everybody_exactly_once(
    settings: Settings, client: Client
) -> None:
    post = Post(
        dataclasses.replace(settings, secret_keys=(KEY,)),
        client,
        resolver=lambda _host, _port: ["8.8.8.8"],
    )
    post.notifier.publish(*(person(who, team="team:core") for who in TEAM))
    for who in TEAM:
        hook = "https://hooks.slack.example/services/T0"
        chosen = {"thanks": {"chat": True}}
        post.prefer(who.partition(":")[2], chat_url=hook, channels=chosen)
    events = [recognition(TEAM[number % 6], ["team:core", TEAM[0]]) for number in range(240)]
    expected = Counter(
        (event.subject, who)
        for event in events
        for who in TEAM
        if who != event.data["state"]["giver"]
    )
    inbox, killed = post.db["inbox"], 0
    for start in range(0, len(events), 80):
        post.notifier.log.append(events[start : start + 80])
        with fan_out(settings) as process:
            before = inbox.count_documents({})
            wait_until(lambda before=before: inbox.count_documents({}) > before, 30)  # type: ignore[misc]
            assert process.poll() is None
            killed += 1
    with fan_out(settings):
        wait_until(lambda: inbox.count_documents({}) >= len(expected), 60)
    assert killed == 3
    items = Counter((item["recognition"], item["person"]) for item in inbox.find())
    made = Counter((each["acts"][0]["recognition"], each["person"]) for each in post.messages())
    assert items == expected
    assert made == expected
    sequences = Counter((item["person"], item["sequence"]) for item in inbox.find())
    assert set(sequences.values()) == {1}
    for who in TEAM:
        numbers = sorted(number for person, number in sequences if person == who)
        assert numbers == list(range(1, len(numbers) + 1))
    post.close()
