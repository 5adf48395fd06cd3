"""Fan-out and dispatcher as processes, the dispatcher killed again and again: all mail arrives."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from shared.config import Settings
from shared.mongo import Client
from shared.secret_keys import new_key
from tests.notifier_parts import Notifier, person, recognition, wait_until
from tests.smtp_server import smtp_server

CODE = """
import sys
from importlib import import_module
from shared.config import load_settings
import_module(f"services.notifier.{sys.argv[1]}").main(load_settings())
"""
PEOPLE = [f"person:p{number:02}" for number in range(20)]


@pytest.mark.slow
def test_a_dispatcher_that_is_killed_loses_no_mail_and_sends_none_under_another_id(
    settings: Settings, client: Client
) -> None:
    notifier = Notifier(settings, client)
    notifier.publish(*(person(who, email=f"{who[7:]}@example.org") for who in PEOPLE))
    events = [recognition("person:ada", [who]) for _ in range(10) for who in PEOPLE]
    with smtp_server() as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
            "KUDOS_MONGO_URI": settings.mongo_uri or "",
            "KUDOS_NAMESPACE": settings.namespace,
            "KUDOS_SECRET_KEYS": new_key().text,
            "KUDOS_SMTP_URL": f"smtp://127.0.0.1:{server.port}?tls=off",
            "KUDOS_MAIL_FROM": "Kudos <kudos@example.org>",
            "KUDOS_PUBLIC_URL": "https://kudos.example.org",
        }

        def start(worker: str) -> "subprocess.Popen[bytes]":
            command = [sys.executable, "-c", CODE, worker]
            return subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

        processes = [start("fan_out")]
        killed = 0
        try:
            for low in range(0, len(events), 50):
                notifier.log.append(events[low : low + 50])
                processes.append(start("dispatcher"))
                before = len(server.arrived)
                wait_until(lambda before=before: len(server.arrived) >= before + 5, 40)  # type: ignore[misc]
                assert processes[-1].poll() is None
                processes[-1].send_signal(signal.SIGKILL)
                processes[-1].wait()
                killed += 1
            processes.append(start("dispatcher"))

            def ids() -> Counter[str]:
                return Counter(str(message["Message-ID"]) for _, _, message in server.arrived)

            wait_until(lambda: len(ids()) >= len(events), 60)
            sent = {"state": {"$ne": "sent"}}
            wait_until(lambda: notifier.db["messages"].count_documents(sent) == 0, 60)
        finally:
            for process in processes:
                process.send_signal(signal.SIGKILL)
                process.wait()
        assert killed == 4
        assert len(ids()) == len(events)
        twice = sum(ids().values()) - len(events)
        print(f"{len(events)} mails, {killed} kills, {twice} sent twice")
        assert twice <= 16 * killed, "more than were being sent"
        by_person = Counter(recipients[0] for _, recipients, _ in server.arrived)
        assert set(by_person) == {f"{who[7:]}@example.org" for who in PEOPLE}
    notifier.close()
