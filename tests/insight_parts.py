"""An organisation whose insights are known, and a count of them by brute force."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from shared.events import Event
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_parts import Leaderboard

ABOVE = {"team:web": ["team:tech"], "team:core": ["team:tech"]}
TEAMS = {
    **{f"person:c{n}": "team:core" for n in range(6)},
    **{f"person:w{n}": "team:web" for n in range(5)},
    **{f"person:o{n}": "team:office" for n in range(7)},
    **{f"person:t{n}": "team:tiny" for n in range(3)},
    "person:boss": "team:tech",
    "person:left": "team:office",
}
PARTNERS = {"person:smith": "partner:acme"}
MANAGERS = {
    **{f"person:c{n}": "person:c0" for n in range(1, 6)},
    **{f"person:w{n}": "person:w0" for n in range(1, 5)},
    **{f"person:t{n}": "person:t0" for n in range(1, 3)},
    "person:c0": "person:boss",
    "person:w0": "person:boss",
}
HIDDEN = {"person:w1", "person:o1"}
LEFT = {"person:left"}
VALUES = ("quality", "honesty")
_AT_ONCE = 20


def directory() -> list[Event]:
    """The organisation."""
    teams = ["team:tech", "team:core", "team:web", "team:office", "team:tiny"]
    return [
        *(team(ref, ancestors=ABOVE.get(ref, [])) for ref in teams),
        *(
            person(
                ref,
                team=of,
                manager=MANAGERS.get(ref),
                hidden_from_boards=ref in HIDDEN,
                active=ref not in LEFT,
            )
            for ref, of in TEAMS.items()
        ),
        *(person(ref, partner=of) for ref, of in PARTNERS.items()),
    ]


def above(ref: str) -> list[str]:
    """Everybody above a person."""
    chain = []
    while ref in MANAGERS:
        ref = MANAGERS[ref]
        chain.append(ref)
    return chain


def direction(giver: str, recipient: str) -> str | None:
    """Which way a thank-you goes, as recognition stamps it."""
    if recipient not in TEAMS or giver not in TEAMS:
        return None
    return (
        "up" if recipient in above(giver) else "down" if giver in above(recipient) else "sideways"
    )


def thanks(identifier: str, giver: str, *recipients: str, **more: Any) -> Event:
    """A thank-you of the organisation."""
    return recognition(
        identifier,
        giver,
        recipients,
        teams=TEAMS,
        partners=PARTNERS,
        above=ABOVE,
        directions={ref: way for ref in recipients if (way := direction(giver, ref))},
        **more,
    )


def random_thanks(seed: int, count: int) -> list[Event]:
    """Thank-yous of some months; some are private, some are retracted again."""
    rng = random.Random(seed)
    everybody = [*TEAMS, *PARTNERS]
    events = []
    for number in range(count):
        giver, *recipients = rng.sample(everybody, rng.choice([2, 2, 3]))
        if rng.random() < 0.1:
            recipients.append("team:office")
        month = rng.choice(["08", "10", "11", "11"])
        stated = {
            "given_at": f"2026-{month}-{rng.randrange(1, 21):02}T10:00:00Z",
            "visibility": "private" if rng.random() < 0.15 else "public",
            "values": rng.sample(VALUES, rng.randrange(3)),
        }
        events.append(thanks(f"r{number}", giver, *recipients, **stated))
        if rng.random() < 0.15:
            events.append(
                thanks(
                    f"r{number}",
                    giver,
                    *recipients,
                    version=2,
                    status="retracted",
                    at="2026-11-21T10:00:00Z",
                    **stated,
                )
            )
    return events


class Truth:
    """The credits that count in a month, by brute force: the newest version of each thank-you."""

    def __init__(self, events: Iterable[Event], month: str = "") -> None:
        newest: dict[str, Any] = {}
        for event in events:
            newest[event.subject] = event.data["state"]
        self.credits = [
            (state["giver"], recipient, state["given_at"][:10], tuple(state["values"]))
            for state in newest.values()
            if state["status"] == "given"
            and state["visibility"] != "private"
            and state["given_at"].startswith(month)
            for recipient in state["recipients"]
        ]
        self.given: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.received: Counter[str] = Counter()
        self.last: dict[str, str] = {}
        for giver, recipient, day, _ in self.credits:
            if recipient.startswith("person:"):
                self.given[giver][recipient] += 1
                self.received[recipient] += 1
                self.last[recipient] = max(day, self.last.get(recipient, ""))

    def gave(self) -> set[str]:
        """Everybody who gave something."""
        return {giver for giver, *_ in self.credits}

    def flows(self, value: str | None = None) -> Counter[tuple[str, str]]:
        """Credits from group to group; to one's own team as a whole there are none."""
        sides = {**TEAMS, **PARTNERS}
        flows: Counter[tuple[str, str]] = Counter()
        for giver, recipient, _, values in self.credits:
            if recipient == sides[giver] or (value and value not in values):
                continue
            flows[sides[giver], sides.get(recipient, recipient)] += 1
        return flows


ACTIVE = {ref for ref in [*TEAMS, *PARTNERS] if ref not in LEFT}


class InsightsParts(Leaderboard):
    """The leaderboard, with the organisation in its directory."""

    def fold(self, *events: Event) -> None:
        """Publish events and fold them."""
        for start in range(0, len(events), _AT_ONCE):  # more may be too much for one batch
            super().fold(*events[start : start + _AT_ONCE])

    def insight(self, name: str, as_: str = "c1", **query: Any) -> dict[str, Any]:
        """An insight that must be there."""
        response = self.get(f"/insights/{name}", as_, **query)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.get_json()
        return answer

    def figures(self, name: str, as_: str = "c1", **query: Any) -> dict[str, Any]:
        """Its figures."""
        found: dict[str, Any] = self.insight(name, as_, **query)["figures"]
        return found
