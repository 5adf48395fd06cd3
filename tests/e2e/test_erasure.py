"""Erasing somebody in a suite that runs, while its workers are killed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.embedded.folder import running_suite
from tests.suite import KUDOS, Suite, running, wait_until

MARK = "marker-of-zoe"
PEOPLE = f"id,name,email,team,manager\nzoe,Zoe {MARK},{MARK}@x.org,core,\nbob,Bob,,core,zoe\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    with running(tmp_path) as suite:
        suite.import_people(PEOPLE.encode())
        yield suite


def kudos(suite: Suite, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [KUDOS, *arguments], env=suite.environment, capture_output=True, text=True, timeout=180
    )


def thank(suite: Suite, giver: str, recipient: str, message: str) -> str:
    body = {"kind": "thank_you", "recipients": [recipient], "message": message}
    answer = suite.call("POST", "/recognition/v1/recognitions", as_=giver, json=body)
    assert answer.status == 201, answer.data
    return str(answer.json()["id"])


def given(suite: Suite) -> dict[str, int]:
    page = suite.get("/leaderboard/v1/boards/given?period=all&by=teams")
    return {entry["subject"]: entry["score"] for entry in page["entries"]}


def test_erased_from_the_command_line_though_workers_die(suite: Suite) -> None:
    theirs = thank(suite, "zoe", "bob", f"Thanks, {MARK}")
    thank(suite, "bob", "zoe", f"No, thank you, {MARK}")
    wait_until(lambda: given(suite) == {"team:core": 2}, 30, lambda: given(suite))

    told = kudos(suite, "person", "report", "zoe")
    assert told.returncode == 0, told.stderr
    assert MARK in told.stdout

    refused = kudos(suite, "person", "erase", "nobody", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no person:nobody in the directory" in refused.stderr

    command = subprocess.Popen(
        [KUDOS, "person", "erase", "zoe", "--yes"],
        env=suite.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: suite.call("GET", "/recognition/v1/me", as_="zoe").status == 403, 30, str)
    for worker in ("relay", "projector", "fan-out", "database"):
        suite.kill(worker)
    out, err = command.communicate(timeout=180)
    if command.returncode:  # the database was away for a moment: it says so, and goes on by itself
        assert "Traceback" not in err
        again = kudos(suite, "person", "erase", "zoe", "--yes")
        assert again.returncode == 0, again.stderr
        out = again.stdout
    assert "person:zoe is erased in recognition, leaderboard, notifier" in out

    assert list(left(suite)) == []
    view = suite.get(f"/recognition/v1/recognitions/{theirs}")
    assert view["giver"].startswith("person:erased-")
    assert given(suite) == {"team:core": 2}


def left(suite: Suite) -> Iterator[tuple[str, str, Any]]:
    """Where something of Zoe stands in any database but the event log, which forgets in 14 days,
    and the server's own record of writes, a ring."""
    found = running_suite(suite.settings.data)
    assert found is not None
    with MongoClient(found.mongo_uri) as client:  # type: ignore[var-annotated]
        for name in client.list_database_names():
            if name in {"kudos_log", "local"}:
                continue
            for collection in client[name].list_collection_names():
                for document in client[name][collection].find({}):
                    if MARK in repr(document) or "person:zoe" in repr(document):
                        yield name, collection, document
