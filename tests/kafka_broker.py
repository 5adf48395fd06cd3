"""Apache Kafka's own broker for the tests: KRaft in one process, from its Maven Central jars."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
JARS = ROOT / ".kafka"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def missing() -> str | None:
    """What must be installed before a broker can run here, in one line; None when nothing."""
    if shutil.which("java") is None:
        return "no Kafka broker: install Java 17 and Maven, or set KUDOS_TEST_KAFKA=host:port"
    if not _are_copied() and shutil.which("mvn") is None:
        return "no Kafka broker: install Maven, or set KUDOS_TEST_KAFKA=host:port"
    return None


def _are_copied() -> bool:
    return (JARS / "complete").exists()


def copy_jars() -> None:
    """Copy the broker's jars to .kafka/, once, whoever of several processes comes first.

    Raises CalledProcessError, with Maven's words, when it cannot.
    """
    JARS.mkdir(exist_ok=True)
    with (JARS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _are_copied():
            return
        pom = ROOT / "tests" / "kafka" / "pom.xml"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
        subprocess.run(["mvn", "-q", "-B", "-f", pom, *goal], check=True, timeout=600)
        (JARS / "complete").touch()


class KafkaBroker:
    """A broker on loopback that keeps its data in `folder`; a context manager."""

    def __init__(self, folder: Path, port: int, controller: int) -> None:
        self.folder = folder
        self.bootstrap = f"127.0.0.1:{port}"
        self._port = port
        self._controller = controller
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "KafkaBroker":
        copy_jars()
        self._properties.write_text(
            _PROPERTIES.format(folder=self.folder, port=self._port, controller=self._controller)
        )
        format_ = ["format", "-t", "a2Fma2EtZm9yLXRlc3RzMQ", "-c", str(self._properties)]
        self._java("kafka.tools.StorageTool", *format_).wait(60)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the broker and return once it accepts connections. Raises TimeoutError."""
        self._process = self._java("kafka.Kafka", str(self._properties))
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the broker did not start: see {self._log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the broker at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "broker.log"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        options = ["-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command = ["java", *options, "-cp", f"{JARS}{os.sep}*", main, *arguments]
        with self._log.open("ab") as output:
            return subprocess.Popen(command, stdout=output, stderr=output)
