"""`kudos work projector` whose lists outgrow their documents, and whose batches end, sooner.

python -m tests.faults.projecting SMALL BATCH
"""

import sys

from cli.processes import work
from services.leaderboard import filler
from services.leaderboard.domain import folding


def main(small: int, batch: int) -> None:
    folding.SMALL = small
    filler.BATCH = batch
    work.main(["projector"])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
