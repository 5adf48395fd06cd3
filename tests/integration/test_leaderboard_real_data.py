"""Nine thousand real thank-yous, folded into a real database, give the figures that were counted
by brute force elsewhere."""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.leaderboard.domain.boards import FLOWS
from services.leaderboard.domain.ranking import Ranks
from services.leaderboard.domain.segments import WHOLE, Segment, View
from services.leaderboard.domain.standings import Standings
from services.leaderboard.projector import Projector
from services.leaderboard.repository import BoardReader, Generations, ensure_indexes
from services.leaderboard.verify.verifying import Verify
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import DIRECTORY, TOPICS, Event
from shared.mongo import Client
from shared.references import id_of
from shared.times import parse_rfc3339, to_rfc3339
from tests import leaderboard_events as events

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real records are not in {DATA}")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((DATA / "expected.json").read_text())
    return figures


def directory_events(people: list[dict[str, str]]) -> Iterator[Event]:
    yield from (events.team(f"team:{name}") for name in sorted({row["team"] for row in people}))
    for row in people:
        yield events.person(f"person:{row['id']}", name=row["name"], team=f"team:{row['team']}")


def recognition_events(people: list[dict[str, str]]) -> Iterator[Event]:
    teams = {f"person:{row['id']}": f"team:{row['team']}" for row in people}
    with gzip.open(DATA / "recognitions.ndjson.gz") as lines:
        for line in lines:
            record = json.loads(line)
            yield events.recognition(
                record["external_id"],
                f"person:{record['giver']}",
                [f"person:{each}" for each in record["recipients"]],
                given_at=to_rfc3339(parse_rfc3339(record["given_at"])),
                teams=teams,
                values=record["values"],
            )


def test_every_figure_agrees(settings: Settings, client: Client, expected: Any) -> None:
    db = client[settings.database("leaderboard")]
    ensure_indexes(db)
    with (DATA / "people.csv").open() as file:
        people = list(csv.DictReader(file))
    with open_log(settings, client) as log:
        told = [*directory_events(people), *recognition_events(people)]
        log.ensure_topics(TOPICS)
        log.append(told)
        projector = Projector(settings, client, log)
        while projector.step():
            pass
        projector.close()
        verified = Verify(settings, client, log).run(*exports(told))
    generation = Generations(db).live()
    assert generation is not None
    assert (verified.recognitions, verified.wrong) == (9213, 0), verified.differences[:20]
    reader = BoardReader(db)

    def standings(board: str, period: str, by: str, segment: Segment = WHOLE) -> Standings:
        return reader.read(generation.id, View(board, period, by, segment))

    def top(board: str, period: str) -> list[list[Any]]:
        found = standings(board, period, "people")
        ranks = Ranks(found.histogram)
        return [
            [ranks.of(score), id_of(subject), score] for score, subject in found.after(None, 20)
        ]

    for period, figures in {
        "all": expected["all"],
        **expected["years"],
        **expected["months"],
    }.items():
        received, given = (standings(board, period, "people") for board in ("received", "given"))
        assert sum(received.histogram.values()) == figures["people_received"], period
        assert sum(given.histogram.values()) == figures["people_gave"], period
        assert credits_on(received) == credits_on(given) == figures["credits"], period
        assert top("received", period) == figures["top_received"], period
        assert top("given", period) == figures["top_given"], period
    received, given = (standings(board, "all", "teams") for board in ("received", "given"))
    teams = {ref: score for score, ref in received.after(None, 99)}
    assert teams == {f"team:{name}": count for name, count in expected["team_received"].items()}
    gave = {ref: score for score, ref in given.after(None, 99)}
    assert gave == {
        f"team:{name}": sum(flow.values()) for name, flow in expected["team_flow"].items()
    }
    flows = {ref: score for score, ref in standings("flows", "all", FLOWS).after(None, 999)}
    assert flows == {
        f"team:{giver}>team:{recipient}": count
        for giver, flow in expected["team_flow"].items()
        for recipient, count in flow.items()
    }
    for value, figures in expected["values"].items():
        of_value = standings("received", "all", "people", Segment(value=value))
        assert credits_on(of_value) == figures["credits"], value
    for team, count in expected["team_received"].items():
        of_team = standings("received", "all", "people", Segment(team, sub_teams=True))
        assert credits_on(of_team) == count, team


def exports(told: Iterable[Event]) -> tuple[list[Any], list[Any]]:
    """Both exports of the recognition service, when this is all that was ever told."""
    directory, lines = [], []
    for event in told:
        state = event.data["state"]
        if event.topic == DIRECTORY:
            directory.append(state)
        else:
            lines.append({**state, "attribution": event.data["attribution"]})
    return directory, lines


def credits_on(standings: Standings) -> int:
    return sum(score * count for score, count in standings.histogram.items())
