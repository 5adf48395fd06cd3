"""`kudos up` as a user meets it: what it says, what it refuses, what it leaves behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import free_port
from tests.suite import KUDOS, LARGEST_MEMORY, Suite, running, wait_until

pytestmark = pytest.mark.xdist_group("launcher")

PEOPLE = b"id,name,email,team,manager\nada,Ada,,core,\ngrace,Grace,,core,ada\n"
READY_SECONDS = 15.0  # 5 on a machine of its own; here other tests run beside
BUSIEST_IDLE = 0.15  # of one core; 0.05 on a machine of its own (docs/adr/0030)
IDLE_WINDOW_SECONDS = 15.0


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    folder, probes = tmp_path_factory.mktemp("launcher"), str(free_port())
    with running(folder, {"KUDOS_PROBE_PORT": probes}) as suite:
        suite.import_people(PEOPLE)
        yield suite


@pytest.fixture
def own_suite(tmp_path: Path) -> Iterator[Suite]:
    """A suite that the test may harm."""
    suite = Suite(tmp_path)
    suite.start()
    yield suite
    assert suite.process is not None
    if suite.process.poll() is None:
        suite.stop()


def up(environment: dict[str, str], **settings: str) -> subprocess.CompletedProcess[str]:
    """What `kudos up` says when it cannot start."""
    return subprocess.run(
        [KUDOS, "up"],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_line(refused: subprocess.CompletedProcess[str], *words: str) -> None:
    assert refused.returncode == 1, refused
    assert refused.stdout == "", refused.stdout
    assert refused.stderr.startswith("kudos: "), refused.stderr
    assert refused.stderr.count("\n") == 1, refused.stderr
    for word in words:
        assert word in refused.stderr


def gone(those: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in those)


# --- a suite that runs ---------------------------------------------------------------------------


def test_it_is_ready_soon_and_says_where(suite: Suite) -> None:
    wait_until(lambda: "Ctrl-C stops" in suite.output.read_text(), 10)
    said = suite.output.read_text()

    ready = re.search(r"Kudos is ready after ([\d.]+) s: (\S+)", said)

    assert ready
    assert ready[2] == f"{suite.url}/"
    assert float(ready[1]) < READY_SECONDS


def test_every_part_is_a_process_of_its_own(suite: Suite) -> None:
    commands = [" ".join(process.cmdline()) for process in suite.processes()]

    for part in (
        "work relay",
        "work projector",
        "work fan-out",
        "work dispatcher",
        "serve streams",
    ):
        assert sum(part in command for command in commands) == 1, part
    assert sum("[kudos]" in command for command in commands) == 3  # the arbiter and two
    assert sum("--storage-path" in command for command in commands) == 1


def test_the_database_listens_on_loopback_only(suite: Suite) -> None:
    (database,) = suite.pids("database")

    listening = [
        each for each in psutil.Process(database).net_connections("inet") if each.status == "LISTEN"
    ]

    assert [each.laddr.ip for each in listening] == ["127.0.0.1"]


def test_a_second_one_on_the_same_folder_says_that_it_is_running(suite: Suite) -> None:
    assert suite.process is not None

    refused = up(suite.environment)

    assert_one_line(refused, "already running", suite.url, str(suite.process.pid))


def test_a_probe_port_in_use_is_said(suite: Suite, tmp_path: Path) -> None:
    other = {"KUDOS_DATA": str(tmp_path / "other"), "KUDOS_PORT": str(free_port())}

    refused = up(suite.environment, **other, KUDOS_PROBE_PORT=str(suite.port))

    assert_one_line(refused, f"port {suite.port}", "KUDOS_PROBE_PORT")


def test_a_port_in_use_is_said(suite: Suite, tmp_path: Path) -> None:
    refused = up(suite.environment, KUDOS_DATA=str(tmp_path / "other"))

    assert_one_line(refused, f"port {suite.port}", "KUDOS_PORT")


def test_metrics_are_of_every_process_and_not_at_the_gateway(suite: Suite) -> None:
    probes = f"http://127.0.0.1:{suite.environment['KUDOS_PROBE_PORT']}/metrics"

    def metrics() -> str:
        return suite.http.request("GET", probes).data.decode()

    suite.call("GET", "/recognition/v1/me")
    wait_until(lambda: "kudos_outbox_depth_records" in metrics(), 10, metrics)
    assert 'kudos_http_requests_total{method="GET",route="/recognition/v1/me"' in metrics()
    refused = suite.call("GET", "/metrics")
    assert (refused.status, refused.json()["type"]) == (404, "/problems/not-found")

    kept = [path.name for path in (suite.folder / "kudos/run/metrics").iterdir()]
    for part in ("relay", "projector"):
        assert any(str(suite.pids(part)[0]) in name for name in kept), part


def test_the_first_page_leads_on(suite: Suite) -> None:
    page = suite.http.request("GET", f"{suite.url}/").data.decode()

    links = [link for link in re.findall(r'href="([^"]+)"', page) if link != "/"]

    assert "/sign-in" in links
    for link in links:
        assert suite.http.request("GET", suite.url + link).status == 200, link


def test_whoever_signs_in_gets_a_token_that_works(suite: Suite) -> None:
    people = suite.http.request("GET", f"{suite.url}/sign-in?q=gra").data.decode()
    assert 'value="grace"' in people
    assert 'value="ada"' not in people

    page = suite.http.request(
        "POST", f"{suite.url}/sign-in", fields={"person": "grace"}, encode_multipart=False
    ).data.decode()

    token = re.search(r"<textarea[^>]*>([^<]+)</textarea>", page)
    assert token
    me = suite.http.request(
        "GET",
        f"{suite.url}/recognition/v1/me",
        headers={"Authorization": f"Bearer {token[1]}"},
    ).json()
    assert me["reference"] == "person:grace"
    assert me["scopes"] == ["kudos:read", "kudos:write"]


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}], ids=str
)
def test_strange_pages_get_no_token(suite: Suite, headers: dict[str, str]) -> None:
    answer = suite.http.request(
        "POST",
        f"{suite.url}/sign-in",
        fields={"person": "grace"},
        encode_multipart=False,
        headers=headers,
    )

    assert answer.status == 403


def test_idle_it_takes_little_memory_and_hardly_any_time(suite: Suite) -> None:
    wait_until(lambda: _busy(suite, 1.0) < 3 * BUSIEST_IDLE, 60)

    busy = min(_busy(suite, IDLE_WINDOW_SECONDS / 3) for _ in range(3))

    assert busy < BUSIEST_IDLE
    assert suite.memory() < LARGEST_MEMORY


def _busy(suite: Suite, seconds: float) -> float:
    """The share of one core that the suite took over a window of so many seconds."""

    def used() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in suite.processes())

    before, started = used(), time.monotonic()
    wait_until(lambda: time.monotonic() - started > seconds, seconds + 5)
    return (used() - before) / (time.monotonic() - started)


# --- what ends, and what starts again ------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["relay", "clock", "projector", "fan-out", "dispatcher", "gateway"]
)
def test_a_part_that_dies_is_started_again_and_said(suite: Suite, part: str) -> None:
    killed = suite.kill(part)

    wait_until(lambda: suite.pids(part) not in ([], [killed]), 15, suite.output.read_text)
    wait_until(suite.is_ready, 15)
    assert f"kudos: {part} was ended by SIGKILL; starting it again in" in suite.output.read_text()


def test_a_dead_database_comes_back_with_its_data(suite: Suite) -> None:
    suite.kill("database")

    wait_until(suite.is_ready, 30, suite.output.read_text)

    wait_until(lambda: suite.call("GET", "/recognition/v1/people/ada").status == 200, 15)


def test_interrupted_it_leaves_no_process_and_keeps_the_data(own_suite: Suite) -> None:
    own_suite.import_people(PEOPLE)
    those = own_suite.processes()
    assert len(those) >= 9

    assert own_suite.stop() == 0

    assert gone(those)
    assert "kudos: stopped" in own_suite.output.read_text()
    assert not list((own_suite.folder / "kudos/run").glob("*.pid"))
    own_suite.start()
    assert own_suite.get("/recognition/v1/people/ada")["name"] == "Ada"


def test_it_makes_the_keys_of_secrets_once_and_hands_them_to_every_part(own_suite: Suite) -> None:
    """What it sealed before a restart it opens after it; `kudos secrets` finds the keys, too."""
    path = own_suite.folder / "kudos" / "secret-keys"
    made = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    body = {"url": "https://192.0.43.8/hook", "headers": {"X-Token": "of-the-hall"}}
    answer = own_suite.call("POST", "/notifier/v1/webhooks", json=body)
    assert answer.status == 201, answer.data
    endpoint = f"/notifier/v1/webhooks/{answer.json()['id']}"
    assert own_suite.stop() == 0
    own_suite.start()
    assert path.read_text() == made
    assert own_suite.get(endpoint)["headers"] == {"X-Token": "of-the-hall"}
    command = [KUDOS, "secrets", "reseal"]
    done = subprocess.run(
        command, env=own_suite.environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "1 endpoints and 0 chat URLs: 0 sealed again" in done.stdout


def test_killed_it_leaves_no_process_either(own_suite: Suite) -> None:
    assert own_suite.process is not None
    those = own_suite.processes()

    own_suite.process.kill()
    own_suite.process.wait()

    wait_until(lambda: gone(those), 20, lambda: [p for p in those if p.is_running()])
    own_suite.start()  # on the same folder: the lock went with it


def test_whoever_sees_that_it_is_ready_finds_it(tmp_path: Path) -> None:
    suite = Suite(tmp_path)
    with suite.output.open("wb") as output:
        suite.process = subprocess.Popen(
            [KUDOS, "up"], env=suite.environment, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: bool(suite.pids("gateway")), 20, suite.output.read_text)

        assert (tmp_path / "kudos/run/suite.json").exists()
    finally:
        suite.stop()


def test_interrupted_while_starting_it_leaves_no_process(tmp_path: Path) -> None:
    suite = Suite(tmp_path)
    with suite.output.open("wb") as output:
        suite.process = subprocess.Popen(
            [KUDOS, "up"], env=suite.environment, stdout=output, stderr=output
        )
    wait_until(lambda: bool(suite.pids("database")), 20)
    those = suite.processes()

    suite.process.send_signal(signal.SIGTERM)

    assert suite.process.wait(20) == 0
    assert gone(those)


def test_a_long_log_is_cut(tmp_path: Path) -> None:
    from deploy.embedded.childlog import ChildLog

    log = ChildLog(tmp_path / "part.log")
    for _ in range(40):
        log.write(b"x" * 1023 * 1024 + b"\n")
    log.close()

    kept = {path.name: path.stat().st_size for path in tmp_path.iterdir()}

    assert set(kept) == {"part.log", "part.1.log"}
    assert all(size <= 8 * 1024 * 1024 for size in kept.values())


# --- what keeps it from starting -----------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return Suite(tmp_path).environment


def test_a_folder_that_cannot_be_made_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    refused = up(environment, KUDOS_DATA=str(tmp_path / "file" / "kudos"))

    assert_one_line(refused, str(tmp_path / "file"), "KUDOS_DATA")


def test_a_file_in_the_place_of_the_folder_is_said(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    assert_one_line(up(environment, KUDOS_DATA=str(tmp_path / "file")), "KUDOS_DATA")


def test_a_wrong_setting_is_said(environment: dict[str, str]) -> None:
    assert_one_line(up(environment, KUDOS_PORT="eighty"), "KUDOS_PORT", "eighty", "whole number")


def test_anything_but_loopback_is_refused(environment: dict[str, str]) -> None:
    assert_one_line(up(environment, KUDOS_BIND="0.0.0.0"), "loopback", "KUDOS_BIND")


def test_an_unreachable_mongodb_is_said(environment: dict[str, str]) -> None:
    port = free_port()

    refused = up(environment, KUDOS_MONGO_URI=f"mongodb://127.0.0.1:{port}")

    assert_one_line(refused, f"cannot reach MongoDB at 127.0.0.1:{port}: ", "refused")
    assert refused.stderr.count(str(port)) == 1, refused.stderr
    assert "(" not in refused.stderr


def test_a_mongodb_without_a_replica_set_is_refused(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    command = [
        *(str(Path(sys.executable).with_name("secantusd-py")), "--standalone"),
        *("--port", str(port), "--storage-path", str(tmp_path / "standalone")),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_until(lambda: _listens(port), 20)

        refused = up(environment, KUDOS_MONGO_URI=f"mongodb://127.0.0.1:{port}")
        server.kill()

    assert_one_line(refused, "replica set", "rs.initiate")


def test_a_full_disk_is_said(environment: dict[str, str]) -> None:
    refused = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f 0; exec {KUDOS} up"],  # no file may grow
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    said = (refused.stdout + refused.stderr).splitlines()
    assert refused.returncode == 1
    assert all(line.startswith("kudos: ") for line in said), said
    assert "File too large" in refused.stderr


def test_where_the_data_stays_is_said_of_the_database_that_has_it(
    tmp_path: Path, mongo_uri: str
) -> None:
    elsewhere = {"KUDOS_MONGO_URI": mongo_uri, "KUDOS_NAMESPACE": f"stays{os.getpid()}"}
    with running(tmp_path, elsewhere) as suite:
        pass

    said = suite.output.read_text()
    assert "stopped; the data stays in the MongoDB of KUDOS_MONGO_URI" in said
    assert f"stays in {tmp_path}" not in said


def test_kafka_without_brokers_is_said(environment: dict[str, str]) -> None:
    assert_one_line(up(environment, KUDOS_EVENT_LOG="kafka"), "KUDOS_KAFKA_BOOTSTRAP")


def test_a_kafka_that_does_not_answer_is_said(environment: dict[str, str]) -> None:
    broker = f"127.0.0.1:{free_port()}"

    refused = up(environment, KUDOS_EVENT_LOG="kafka", KUDOS_KAFKA_BOOTSTRAP=broker)

    assert_one_line(refused, "Kafka", broker)


def test_data_of_a_database_that_is_gone_is_not_passed_over(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "kudos/database/mongod").mkdir(parents=True)

    refused = up(environment, PATH=os.defpath.replace("mongod", ""))

    assert_one_line(refused, "was written by mongod", "not on the PATH")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
