"""The broker of docker-compose.yml: Kafka's own program for containers makes its configuration out
of the environment in the file, and a broker on that keeps events."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.eventlog.kafka import KafkaEventLog
from shared.events import RECOGNITION
from tests import compose, kafka_broker
from tests.conftest import free_port
from tests.contract.events import thanked

NEEDED = dict.fromkeys(
    ("KUDOS_JWKS_URL", "KUDOS_JWT_ISSUER", "KUDOS_JWT_AUDIENCE", "KUDOS_SECRET_KEYS"), "x"
)

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(kafka_broker.missing() is not None, reason=str(kafka_broker.missing())),
]


def test_the_broker_of_the_file_keeps_events(tmp_path: Path) -> None:
    port, controller = free_port(), free_port()
    cluster = cluster_id(tmp_path)
    properties = configure(tmp_path, port, controller, cluster)
    assert "log.flush.interval.messages=1" in properties.read_text()
    broker = java(tmp_path, "kafka.Kafka", str(properties), environment={})
    try:
        wait_until_it_listens(broker, port, tmp_path)
        with KafkaEventLog(f"127.0.0.1:{port}", "kudos") as log:
            log.ensure_topics([RECOGNITION])
            log.append([thanked("r1", 1)])
            reader = log.reader([RECOGNITION], log.starts([RECOGNITION]))
            deadline = time.monotonic() + 20
            while not (records := reader.poll(10, 1.0)):
                assert time.monotonic() < deadline
            reader.close()
    finally:
        broker.kill()
        broker.wait()
    assert cluster_id(tmp_path) == cluster, "it changed over a restart"
    assert cluster_id(tmp_path / "another") != cluster
    assert [record.event for record in records] == [thanked("r1", 1)]


def cluster_id(folder: Path) -> str:
    """What the command of the file takes for the cluster's id, before it starts the image's."""
    shell, option, script = compose.services(NEEDED)["kafka"]["command"]
    kafka_broker.copy_jars()
    tool = f"java -cp '{kafka_broker.JARS}/*' kafka.tools.StorageTool"
    script = script.replace("/opt/kafka/bin/kafka-storage.sh", tool)
    script = script.replace("/etc/kafka/docker/run", "printenv CLUSTER_ID")
    environment = {"PATH": os.environ["PATH"], "KAFKA_LOG_DIRS": str(folder / "data")}
    done = subprocess.run(
        [shell, option, script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[\w-]{22}\n", done.stdout)
    return done.stdout.strip()


def configure(folder: Path, port: int, controller: int, cluster: str) -> Path:
    """What the image does before it starts the broker: write its properties, format its disk."""
    environment = dict(compose.services(NEEDED)["kafka"]["environment"])
    for name, value in environment.items():
        here = value.replace("kafka:9092", f"127.0.0.1:{port}").replace(":9092", f":{port}")
        environment[name] = here.replace("localhost:9093", f"127.0.0.1:{controller}")
    environment["KAFKA_LOG_DIRS"] = str(folder / "data")
    environment["CLUSTER_ID"] = cluster
    folders = {name: folder / name for name in ("default", "mounted", "final")}
    for each in folders.values():
        each.mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folders["default"] / name).touch()
    options = [f"--{name}-configs-dir={path}" for name, path in folders.items()]
    wrapper = java(
        folder, "kafka.docker.KafkaDockerWrapper", "setup", *options, environment=environment
    )
    assert wrapper.wait(60) == 0, (folder / "log").read_text()
    return folders["final"] / "server.properties"


def java(
    folder: Path, main: str, *arguments: str, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A program out of the broker's jars; it writes to `folder`/log."""
    command = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{kafka_broker.JARS}{os.sep}*"]
    with (folder / "log").open("ab") as output:
        return subprocess.Popen(
            [*command, main, *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=output,
            stderr=output,
        )


def wait_until_it_listens(broker: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        alive = broker.poll() is None and time.monotonic() < deadline
        assert alive, (folder / "log").read_text()[-3000:]
        time.sleep(0.05)
