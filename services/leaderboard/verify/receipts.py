"""Who received something on which day of late, and how many did, held against what was counted
anew. Up to which day nothing is kept is taken as it is stored, unless that is too early."""

from collections.abc import Iterator, Mapping

from pymongo.client_session import ClientSession

from services.leaderboard.progress import Progress
from services.leaderboard.recount.receipts import Received, above, received_by, tallies_of
from services.leaderboard.repository.coverage import Tallies
from services.leaderboard.verify.difference import Difference, between
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.truth import Truth
from shared.mongo import Document

_NOTHING: Document = {"days": {}, "floor": "", "active": False, "last": None}


def wrong_receipts(served: Served, truth: Truth, progress: Progress) -> Iterator[Difference]:
    """What differs of people, and of the numbers of them."""
    expected = received_by(truth.recount, truth.directory)
    suspects, floors, seen = set(), {}, set()
    about = served.coverage.estimated()
    for stored in served.coverage.people():
        person = stored["_id"]
        seen.add(person)
        floors[person] = stored["floor"]
        if list(_differences(person, expected.get(person), stored)):
            suspects.add(person)
        progress("coverage", 1, about)
    absent = expected.keys() - seen
    suspects |= {each for each in absent if list(_differences(each, expected[each], None))}
    for some, found in served.again(suspects, served.coverage.people_of):
        expected = received_by(truth.recount, truth.directory)
        for person in some:
            yield from _differences(person, expected.get(person), found.get(person))
    if served.coverage.tallies_stored() != _tallies(truth, floors):
        floors, tallies = served.exactly(lambda session: _read(served, session))
        yield from _wrong_tallies(_tallies(truth, floors), tallies)


def _read(served: Served, session: ClientSession) -> tuple[dict[str, str], Tallies]:
    people = served.coverage.people(session)
    floors = {stored["_id"]: stored["floor"] for stored in people}
    return floors, served.coverage.tallies_stored(session)


def _tallies(truth: Truth, floors: Mapping[str, str]) -> Tallies:
    every = received_by(truth.recount, truth.directory)
    return tallies_of({ref: above(each, floors.get(ref, "")) for ref, each in every.items()})


def _wrong_tallies(expected: Tallies, stored: Tallies) -> Iterator[Difference]:
    for name in sorted(expected.keys() | stored.keys()):
        for each in between(expected.get(name, {}), stored.get(name, {}), 0):
            yield Difference(f"coverage {name}", *each)


def _differences(
    person: str, received: Received | None, stored: Document | None
) -> Iterator[Difference]:
    held = stored or _NOTHING
    expected = above(received or Received({}, "", False), held["floor"])
    where = f"received lately by {person}"
    for each in between(expected.days, held["days"], 0):
        yield Difference(where, *each)
    for what, wanted, there in (
        ("active", expected.is_active, held["active"]),
        ("last", expected.last, held["last"]),
        ("nothing kept up to", expected.floor, held["floor"]),
    ):
        if wanted != there:
            yield Difference(where, what, str(wanted or "-"), str(there or "-"))
