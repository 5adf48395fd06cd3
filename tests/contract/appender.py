"""A process that appends to the log and says on standard output what was acknowledged.

python -m tests.contract.appender NAME BATCHES BATCH_SIZE, its settings in the environment.
Events of appender NAME have the key NAME and the versions 1, 2, 3, ...
"""

import sys
from itertools import count

from shared.config import load_settings
from shared.eventlog import open_log
from shared.mongo import connect
from tests.contract.events import thanked


def main(name: str, batches: int, size: int) -> None:
    """Append; 0 batches: until killed."""
    settings = load_settings()
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "appender") as client, open_log(settings, client) as log:
        for batch in range(batches) if batches else count():
            versions = range(batch * size + 1, (batch + 1) * size + 1)
            log.append([thanked(name, version) for version in versions])
            print(versions[-1], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
