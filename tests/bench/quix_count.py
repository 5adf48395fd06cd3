"""Counts thank-yous received with Quix Streams, exactly once; run by a Python that has it.

    python quix_count.py BOOTSTRAP TOPIC GROUP FOLDER RECORDS

The topic is keyed by recipient already, so that nothing is sent anew by another key. Prints the
seconds from the first record to the last commit.
"""

import json
import sys
import time

from quixstreams import Application  # type: ignore[import-not-found]


def main() -> None:
    """Count until RECORDS are counted."""
    bootstrap, topic, group, folder, records = sys.argv[1:]
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=folder,
        loglevel="ERROR",
    )
    first: list[float] = []

    def count(value, state):  # type: ignore[no-untyped-def]
        if not first:
            first.append(time.perf_counter())
        assert value["state"]["kind"] == "thank_you"
        state.set("received", state.get("received", 0) + 1)

    counted = app.dataframe(app.topic(topic, value_deserializer="json"))
    counted.update(count, stateful=True)
    app.run(count=int(records))
    print(json.dumps(time.perf_counter() - first[0]))


if __name__ == "__main__":
    main()
