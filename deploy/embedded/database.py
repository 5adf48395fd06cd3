"""The database that the launcher starts as its child when KUDOS_MONGO_URI is not set."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.config import ConfigError

_CACHE_MEGABYTES = 96
_FRUGAL_STORAGE = (
    "log=(file_max=1MB),eviction_target=20,eviction_dirty_trigger=90,eviction_updates_trigger=90"
)
"""For WiredTiger, which reads it from a variable of its own. A tenth of a log file is the size of
each of 128 buffers: 13 MB instead of 32. Clean pages leave the cache beyond a fifth of it. With the
triggers of its own a transaction that dirties a fifth stands still for good; with these it may take
nearly all, and is refused beyond (docs/adr/0012)."""
_FRUGAL_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""What shared.footprint.be_frugal does, for a program."""
_FRUGAL_PYTHON = Path(__file__).with_name("frugal")
"""What the database in Python does besides: frugal/sitecustomize.py."""

_REPLICA_SET = "kudos"


@dataclass(frozen=True)
class Database:
    """A server to run: its command, where it answers, and what it needs once it answers."""

    name: str
    port: int
    command: tuple[str, ...]
    uri: str
    environment: Mapping[str, str] = field(default_factory=dict)
    initiate: Callable[[], None] | None = None

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def choose(data: Path) -> Database:
    """The server that `data` was made with, else the first that this machine has.

    In the order of the design: mongod, secantusd-rs, secantusd-py. Raises ConfigError when there
    is none, or when the one that keeps the data is gone (another would start empty).
    """
    folder = data / "database"
    found = {name: path for name in _SERVERS if (path := _find(name))}
    used = next((name for name in _SERVERS if (folder / name).is_dir()), None)
    if used and used not in found:
        raise ConfigError(
            f"the data in {folder / used} was written by {used}, which is not on the PATH any more"
        )
    if not found:
        raise ConfigError(
            "no database to start: install kudos[embedded], or name a MongoDB in KUDOS_MONGO_URI"
        )
    name = used or next(iter(found))
    storage = folder / name
    try:
        storage.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _SERVERS[name](found[name], storage, _free_port())
    except OSError as error:
        raise ConfigError(
            f"the folder of the database {storage} cannot be written ({error.strerror})"
        ) from None


def _mongod(program: str, storage: Path, port: int) -> Database:
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    command = (
        *(program, "--dbpath", str(storage), "--bind_ip", "127.0.0.1", "--port", str(port)),
        *("--replSet", _REPLICA_SET, "--wiredTigerCacheSizeGB", str(_CACHE_MEGABYTES / 1024)),
        *("--nounixsocket", "--quiet"),
    )
    return Database("mongod", port, command, uri, _FRUGAL_MALLOC, lambda: _initiate(uri, port))


def _secantusd(name: str) -> Callable[[str, Path, int], Database]:
    def server(program: str, storage: Path, port: int) -> Database:
        nothing = storage.with_suffix(".toml")  # so that it looks for no secantusd.toml elsewhere
        nothing.write_text("")
        command = (
            *(program, "--config", str(nothing), "--host", "127.0.0.1", "--port", str(port)),
            *("--storage-path", str(storage), "--sync-on-commit"),
            *("--cache-size", f"{_CACHE_MEGABYTES}M", "--log-level", "WARNING"),
        )
        # Its record of retryable writes makes every write slow after the first 10,000.
        uri = f"mongodb://127.0.0.1:{port}/?retryWrites=false"
        environment = {
            **_FRUGAL_MALLOC,
            "WIREDTIGER_CONFIG": _FRUGAL_STORAGE,
            "PYTHONPATH": str(_FRUGAL_PYTHON),
        }
        return Database(name, port, command, uri, environment)

    return server


_SERVERS: dict[str, Callable[[str, Path, int], Database]] = {
    "mongod": _mongod,
    "secantusd-rs": _secantusd("secantusd-rs"),
    "secantusd-py": _secantusd("secantusd-py"),
}


def _find(name: str) -> str | None:
    beside_python = Path(sys.executable).with_name(name)
    if name == "secantusd-py" and os.access(beside_python, os.X_OK):
        return str(beside_python)
    return shutil.which(name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _initiate(uri: str, port: int) -> None:
    """Make a fresh mongod a replica set of one, or give it its new port."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=5_000) as client:
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure:  # NotYetInitialized
            client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
            return
        if config["members"][0]["host"] != member["host"]:
            config.update(version=config["version"] + 1, members=[member])
            client.admin.command("replSetReconfig", config, force=True)
