"""The keys that seal the embedded suite's secrets: a file in its data folder, made once."""

import os
from pathlib import Path

from shared.config import ConfigError
from shared.secret_keys import new_key, parse_key

FILE = "secret-keys"


def secret_keys(data: Path) -> str:
    """KUDOS_SECRET_KEYS of the suite on the folder `data`, from its file, which is made when it is
    missing. Raises ConfigError, one line, when it cannot be read or holds something else."""
    path = data.absolute() / FILE
    try:
        _make(path)
        keys = path.read_text().replace(",", " ").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be used ({error})") from None
    try:
        for key in keys:
            parse_key(key)
    except ValueError as error:
        raise ConfigError(f"{path} is not accepted: wanted {error}, one a line") from None
    if not keys:
        raise ConfigError(f"{path} is empty: put it back from a back-up, or delete it")
    return ",".join(keys)


def known_secret_keys(data: Path) -> str | None:
    """The same; None where no suite has made the file yet."""
    return secret_keys(data) if (data / FILE).exists() else None


def _make(path: Path) -> None:
    """Make the file with a fresh key, durable before it seals anything; one that is there stays."""
    if path.exists():
        return
    fresh = path.with_name(f".{FILE}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(new_key().text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
