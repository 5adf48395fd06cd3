"""docker-compose.yml at work, as far as it can be without a container engine: its commands and
environment, started by hand, on a real broker or the log in MongoDB, behind the real nginx."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.mongo import Client
from tests import compose, gateway
from tests.e2e.compose_suite import APIS, Suite, identity, running, wait_until
from tests.e2e.revoking import assert_refused_everywhere, is_known
from tests.unit.token_issuer import jwks_host, new_key

PEOPLE = b"""id,name,email,team,manager
ada,Ada Lovelace,ada@example.org,engines,
grace,Grace Hopper,grace@example.org,compilers,ada
alan,Alan Turing,alan@example.org,compilers,grace
"""
SEEN_SECONDS = 20.0
WORKERS = ("relay", "clock", "projector", "fan-out", "dispatcher")

pytestmark = pytest.mark.skipif(
    gateway.program() is None, reason="no gateway: install nginx (Debian: nginx-light)"
)


@contextmanager
def suite_of_the_file(
    folder: Path, namespace: str, changed: dict[str, str], *overrides: Path
) -> Iterator[Suite]:
    key = new_key("ES256", "of-the-tests")
    with jwks_host(key) as host:
        variables = identity(host) | {
            "KUDOS_NAMESPACE": namespace,
            "KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8",
        }
        services = compose.services(variables, *overrides)
        with running(services, folder, key, changed) as suite:
            yield suite


@pytest.mark.kafka
def test_a_kudos_reaches_board_and_inbox_with_kafka(
    mongo_uri: str, kafka_bootstrap: str, namespace: str, tmp_path: Path
) -> None:
    changed = {"KUDOS_MONGO_URI": mongo_uri, "KUDOS_KAFKA_BOOTSTRAP": kafka_bootstrap}
    with suite_of_the_file(tmp_path, namespace, changed) as suite:
        use(suite)
        a_revoked_key_is_refused_within_a_second(suite)


def test_a_kudos_reaches_board_and_inbox_with_the_log_in_mongodb(
    mongo_uri: str, namespace: str, tmp_path: Path
) -> None:
    changed = {"KUDOS_MONGO_URI": mongo_uri}
    with suite_of_the_file(tmp_path, namespace, changed, compose.WITHOUT_KAFKA) as suite:
        use(suite)
        a_revoked_key_is_refused_within_a_second(suite)
        the_examples_of_the_documentation_work(suite)
        the_paths_of_the_documentation_exist(suite)
        nothing_but_the_services_is_reachable(suite)
        a_rebuild_counts_the_same(suite)
        an_import_that_may_not_be_is_refused_before_it_is_read(suite)
        every_metric_of_the_alerts_is_served(suite)
        everything_stops_when_told(suite)


def test_the_suite_goes_on_after_its_log_was_lost(
    mongo_uri: str, client: Client, namespace: str, tmp_path: Path
) -> None:
    """Steps 3 and 4 of a restore in docs/operating.md."""
    changed = {"KUDOS_MONGO_URI": mongo_uri}
    with suite_of_the_file(tmp_path, namespace, changed, compose.WITHOUT_KAFKA) as suite:
        use(suite)
        for name in WORKERS:
            suite.processes[name].stop(20)
        client.drop_database(f"{namespace}_log")
        for service in ("leaderboard", "notifier"):
            client[f"{namespace}_{service}"]["offsets"].delete_many({})
        a_rebuild_counts_the_same(suite)
        for name in WORKERS:
            suite.processes[name].start()
        for name in WORKERS:
            wait_until(suite.processes[name].is_healthy, SEEN_SECONDS)
        thank_and_see(suite, score=2)


def use(suite: Suite) -> None:
    """People come in, one thanks another, the board and the inbox show it."""
    csv = {"Content-Type": "text/csv"}
    path = "/recognition/v1/directory/imports"
    status, counts = suite.ask("POST", path, suite.token("ada"), PEOPLE, csv)
    assert (status, counts["people"]["created"]) == (200, 3)
    thank_and_see(suite, score=1)


def thank_and_see(suite: Suite, score: int) -> None:
    """Ada thanks Grace, who then has `score` on the board, and the kudos in her inbox."""
    ada, grace = suite.token("ada"), suite.token("grace")
    message = f"The compiler works, and that is number {score}!"
    thanks = {"kind": "thank_you", "recipients": ["person:grace"], "message": message}
    key = {"Idempotency-Key": f"once-{score}"}
    status, given = suite.ask("POST", "/recognition/v1/recognitions", ada, thanks, key)
    assert status == 201
    assert suite.ask("POST", "/recognition/v1/recognitions", ada, thanks, key) == (201, given)

    def on_the_board() -> bool:
        status, board = suite.ask("GET", "/leaderboard/v1/boards/received?period=all", ada)
        scores = {entry["subject"]: entry["score"] for entry in board.get("entries", [])}
        return status == 200 and scores == {"person:grace": score}

    def in_the_inbox() -> bool:
        status, inbox = suite.ask("GET", "/notifier/v1/inbox", grace)
        return status == 200 and given["id"] in str(inbox["items"])

    wait_until(on_the_board, SEEN_SECONDS)
    wait_until(in_the_inbox, SEEN_SECONDS)


def a_revoked_key_is_refused_within_a_second(suite: Suite) -> None:
    """Here nobody is nudged: workers look by themselves, or wait in the broker."""

    def get(path: str, token: str) -> tuple[int, Any]:
        return suite.ask("GET", path, token)

    ada, keys = suite.token("ada"), "/recognition/v1/api-keys"
    for _ in range(3):
        status, made = suite.ask("POST", keys, ada, {"name": "k", "scopes": ["kudos:read"]})
        assert status == 201
        path, token = f"{keys}/{made['id']}", made["key"]
        wait_until(lambda token=token: is_known(get, token), SEEN_SECONDS)
        assert_refused_everywhere(get, token, lambda path=path: _delete(suite, path))


def _delete(suite: Suite, path: str) -> None:
    assert suite.ask("DELETE", path, suite.token("ada")) == (204, None)


def the_examples_of_the_documentation_work(suite: Suite) -> None:
    """Every shell block of docs/api.md, in order, in one shell, as it would be pasted."""
    page = (compose.ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    assert blocks
    token = _make_key(suite, page)
    environment = {"KUDOS_URL": suite.url, "KUDOS_TOKEN": token, "PATH": "/usr/bin:/bin"}
    wait_until(lambda: suite.ask("GET", "/notifier/v1/inbox", token)[0] == 200, SEEN_SECONDS)
    wait_until(lambda: suite.ask("GET", "/leaderboard/v1/boards", token)[0] == 200, SEEN_SECONDS)
    script = "set -eu\n" + "\n".join(blocks)
    script = script.replace("https://example.com/", "https://127.0.0.1:8443/")  # no look-up here
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _make_key(suite: Suite, page: str) -> str:
    """What the `kudos key create` prints that the page tells the reader to run."""
    command = re.search(r"kudos (key create [^`]+)", page)
    assert command, "docs/api.md tells no more how to make a key"
    return suite.kudos("recognition", *shlex.split(command[1])).strip()


def the_paths_of_the_documentation_exist(suite: Suite) -> None:
    """Each path that docs/api.md names is one of the served OpenAPI documents."""
    known = set()
    for service in APIS:
        _, document = suite.ask("GET", f"/{service}/openapi.json", "")
        known |= {re.sub(r"{\w+}", "{}", path) for path in document["paths"]}
    page = (compose.ROOT / "docs" / "api.md").read_text()
    named = re.findall(r"/(?:recognition|leaderboard|notifier)/v1/[\w/{}-]+", page)
    named = [re.sub(r"{\w+}|\$\w+", "{}", path) for path in named]
    assert len(set(named)) > 15
    boards = {path: "/leaderboard/v1/boards/{}" for path in named if path.endswith("/received")}
    assert {boards.get(path, path).rstrip("/") for path in named} <= known


def nothing_but_the_services_is_reachable(suite: Suite) -> None:
    for path in ("/metrics", "/livez", "/readyz", "/recognition/metrics"):
        status, _ = suite.ask("GET", path, suite.token("ada"))
        assert status == 404


def a_rebuild_counts_the_same(suite: Suite) -> None:
    """As docs/operating.md says to run it, in the container of the projector."""
    path = "/leaderboard/v1/boards/received?period=all"
    ada = suite.token("ada")
    feed = suite.ask("GET", "/recognition/v1/recognitions?kind=thank_you&limit=200", ada)[1]
    credits_ = [ref for it in feed["items"] for ref in it["recipients"] if ref[:7] == "person:"]

    def scores() -> int:
        return sum(entry["score"] for entry in suite.ask("GET", path, ada)[1]["entries"])

    wait_until(lambda: scores() == len(credits_), SEEN_SECONDS)
    before = suite.ask("GET", path, ada)[1]["entries"]
    assert before
    said = suite.kudos("projector", "rebuild", "leaderboard", KUDOS_URL=suite.url, KUDOS_TOKEN=ada)
    assert "counted anew" in said
    assert suite.ask("GET", path, ada)[1]["entries"] == before


def an_import_that_may_not_be_is_refused_before_it_is_read(suite: Suite) -> None:
    body = b"{}\n" * 4_000_000
    for token, expected in 100 * [("forged", 401), (suite.token("grace"), 403)]:
        headers = {"Content-Type": "application/x-ndjson"}
        status, problem = suite.ask("POST", "/recognition/v1/imports", token, body, headers)
        assert (status, problem["status"]) == (expected, expected)


def every_metric_of_the_alerts_is_served(suite: Suite) -> None:
    rules = (compose.ROOT / "deploy" / "monitoring" / "rules.yml").read_text()
    served = "".join(suite.metrics(name) for name in suite.processes)
    only_after_a_failure = {"kudos_jwks_failures_total"}
    for name in set(re.findall(r"\bkudos_\w+", rules)) - only_after_a_failure:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert f"# TYPE {family} " in served or f"# TYPE {name} " in served, name


def everything_stops_when_told(suite: Suite) -> None:
    for process in suite.processes.values():
        process.process.terminate()
    for name, process in suite.processes.items():
        assert process.process.wait(20) == 0, f"{name}: {process.log.read_text()[-2000:]}"


def test_the_services_that_are_started_are_all_there_are() -> None:
    needed = ("KUDOS_JWKS_URL", "KUDOS_JWT_ISSUER", "KUDOS_JWT_AUDIENCE", "KUDOS_SECRET_KEYS")
    variables = dict.fromkeys(needed, "x")
    ours: dict[str, Any] = {
        name: service
        for name, service in compose.services(variables).items()
        if service["image"].startswith("kudos:")
    }
    assert set(APIS) < set(ours)
    assert {service["command"][1] for service in ours.values()} == {"serve", "work"}
