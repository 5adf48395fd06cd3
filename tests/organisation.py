"""A made-up organisation in which everything happens that boards and trends count: people thank,
ask, promise, move, leave and hide; each act is told as the recognition service tells it.

What is random comes from the `Random` that it is given, hypothesis' own included.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from shared.events import Event
from shared.references import kind_of
from shared.times import parse_rfc3339, to_rfc3339
from tests import leaderboard_events as events

START = datetime(2026, 12, 30, 20, tzinfo=UTC)
TEAMS = {
    "team:all": None,
    "team:core": "team:all",
    "team:web": "team:core",
    "team:sky.1": "team:all",
    "team:ops": None,
}
PARTNERS = ("partner:acme", "partner:bolt")
VALUES = ("honesty", "quality", "initiative")
_LONG_AGO = [datetime(2019, 3, 31, 0, 59, tzinfo=UTC), datetime(2020, 2, 29, 23, 30, tzinfo=UTC)]

State = dict[str, Any]
_Act = Callable[[], None]


class Organisation:
    """`told`: every version of everything, as it came to be. `act()` lets something happen, after
    one of `hours` and up to half an hour more."""

    def __init__(
        self, random: Random, people: int = 6, hours: Sequence[int] = (0, 0, 0, 0, 1, 1, 30)
    ) -> None:
        self.now = START
        self._hours = hours
        self.told: list[Event] = []
        self._random = random
        self._parents: dict[str, str | None] = {}
        self._people: dict[str, State] = {}
        self._recognitions: dict[str, State] = {}
        self._attributions: dict[str, dict[str, Any]] = {}
        self._versions: dict[str, int] = {}
        for team, parent in TEAMS.items():
            self._put_team(team, parent)
        for partner in PARTNERS:
            self.told.append(events.partner(partner, version=self._next_version(partner)))
        for _ in range(people):
            self._join()

    def act(self) -> None:
        """Let time pass, and one thing happen."""
        hours = self._random.choice(self._hours)
        self.now += timedelta(hours=hours, minutes=self._random.randint(0, 30))
        acts = [*self._possible_of_one(), self._thank, self._thank, self._ask, self._ask]
        if self._random.randint(0, 3) == 0:
            acts = [*3 * [self._move], *5 * [self._turn], self._join, self._reorganise, self._erase]
        self._random.choice(acts)()

    # The directory.

    def _join(self) -> None:
        ref = f"person:p.{len(self._people)}"
        self._people[ref] = {"active": True, "hidden_from_boards": False, "technical": False}
        self._people[ref] |= self._somewhere()
        self._tell_person(ref)

    def _somewhere(self) -> State:
        home = self._random.choice([*TEAMS, *TEAMS, *PARTNERS, None])
        kind = kind_of(home) if home else "team"
        return {"team": None, "partner": None, kind: home}

    def _move(self) -> None:
        ref = self._anybody()
        self._people[ref] |= self._somewhere()
        self._tell_person(ref)

    def _turn(self) -> None:
        """Somebody hides, leaves or is found to be technical; or the other way round."""
        ref = self._anybody()
        flag = self._random.choice(["active", "hidden_from_boards", "active", "technical"])
        self._people[ref][flag] = not self._people[ref][flag]
        self._tell_person(ref)

    def _reorganise(self) -> None:
        """A team goes below another one; so do those below it."""
        team = self._random.choice(list(TEAMS))
        below = {each for each in TEAMS if team in (each, *self._above(each))}
        self._parents[team] = self._random.choice([None, *sorted(set(TEAMS) - below)])
        for each in sorted(below):
            self._put_team(each, self._parents[each])

    def _put_team(self, team: str, parent: str | None) -> None:
        self._parents[team] = parent
        ancestors, version = self._above(team), self._next_version(team)
        self.told.append(events.team(team, version=version, parent=parent, ancestors=ancestors))

    def _above(self, team: str) -> list[str]:
        parent = self._parents[team]
        return [parent, *self._above(parent)] if parent else []

    def _tell_person(self, ref: str) -> None:
        self.told.append(
            events.person(ref, version=self._next_version(ref), **copy.copy(self._people[ref]))
        )

    def _anybody(self) -> str:
        return self._random.choice(list(self._people))

    def _side(self, ref: str) -> dict[str, Any]:
        team, partner = (ref if kind_of(ref) == kind else None for kind in ("team", "partner"))
        if ref in self._people:
            team, partner = self._people[ref]["team"], self._people[ref]["partner"]
        return {"team": team, "partner": partner, "ancestors": self._above(team) if team else []}

    # Recognitions.

    def _thank(self) -> None:
        giver, is_import = self._anybody(), self._random.randint(0, 5) == 0
        others = [ref for ref in [*self._people, *TEAMS, *PARTNERS] if ref != giver]
        recipients = self._random.sample(others, self._random.choice([1, 1, 1, 2, 4]))
        at = self._random.choice(_LONG_AGO) if is_import else self.now
        status = self._random.choice(["given"] * 5 + ["held"])
        self._new(giver, recipients, at, kind="thank_you", status=status, quiet=is_import)

    def _ask(self) -> None:
        giver = self._anybody()
        colleagues = [ref for ref in self._people if ref != giver]
        asked = [self._random.choice([*colleagues, *TEAMS, *PARTNERS])]
        if kind_of(asked[0]) == "person" and self._random.randint(0, 2) == 0:
            asked = self._random.sample(colleagues, min(2, len(colleagues)))
        none = {"answered_at": None, "fulfilled_at": None, "promise": None, "declined": None}
        self._new(giver, asked, self.now, kind="please", status="open", **none)

    def _new(self, giver: str, recipients: list[str], given_at: datetime, **state: Any) -> None:
        identifier = f"r{len(self._recognitions)}"
        self._recognitions[identifier] = {
            "giver": giver,
            "recipients": recipients,
            "given_at": to_rfc3339(given_at),
            "visibility": self._random.choice(["public", "public", "public", "team", "private"]),
            "values": self._random.sample(VALUES, self._random.choice([0, 0, 1, 2])),
            **state,
        }
        self._attributions[identifier] = {
            "giver": self._side(giver),
            "recipients": {ref: self._side(ref) for ref in recipients},
            "provider": None,
        }
        self._tell(identifier, "thanked" if state["kind"] == "thank_you" else "asked")

    def _possible_of_one(self) -> Iterator[_Act]:
        """What may happen to one recognition."""
        if not self._recognitions:
            return
        identifier = self._random.choice(list(self._recognitions)[-15:])
        state = self._recognitions[identifier]

        def changed(type_: str, **after: Any) -> _Act:
            return lambda: self._change(identifier, type_, **after)

        shown = state.get("before_hidden")
        if state["status"] in ("hidden", "held"):
            yield changed("restored", status=shown or "given", before_hidden=None)
            return
        yield changed("hidden", status="hidden", before_hidden=state["status"])
        yield changed("amended", visibility=self._random.choice(["public", "team", "private"]))
        yield changed("amended", values=self._random.sample(VALUES, 1))
        if state["kind"] == "thank_you":
            if state["status"] == "given":
                yield changed("retracted", status="retracted")
                yield changed("amended", recipients=state["recipients"][1:])
            return
        often = 1 if state["status"] == "fulfilled" else 5
        yield from often * list(self._acts_of_please(identifier, changed))

    def _acts_of_please(self, identifier: str, changed: Callable[..., _Act]) -> Iterator[_Act]:
        state, now = self._recognitions[identifier], to_rfc3339(self.now)
        promise = state["promise"]
        answered = {"answered_at": state["answered_at"] or now}
        if state["status"] in ("open", "promised"):
            yield changed("withdrawn", status="withdrawn")
            due = promise and parse_rfc3339(promise["due_at"])
            is_kept = due and self.now <= due and not promise["moved_late"]
            outcome = {"promise": promise and {**promise, "outcome": "kept" if is_kept else "late"}}
            done = {"status": "fulfilled", "fulfilled_at": now, **answered, **outcome}
            yield changed("fulfilled", **done)
            yield changed("fulfilled", **done)
        if state["status"] == "open" and (by := self._provider(state["recipients"])):
            said = {"by": by, "due_at": self._soon(), "moved": 0, "moved_late": False}
            made = {**said, "promised_at": now, "outcome": None}
            yield changed("promised", status="promised", promise=made, **answered)
            yield changed("promised", status="promised", promise=made, **answered)
            no = {"by": by, "reason": "no", "alternative": None, "at": now}
            yield changed("declined", status="declined", declined=no, **answered)
        if state["status"] == "promised":
            is_late = promise["moved_late"] or self.now > parse_rfc3339(promise["due_at"])
            moved = {"moved": promise["moved"] + 1, "moved_late": is_late, "due_at": self._soon()}
            yield changed("promise_moved", promise={**promise, **moved})
            yield changed("released", status="open", promise=None)
            yield changed("overdue")
        if state["status"] == "fulfilled":
            reopened = {"promise": {**promise, "outcome": None}} if promise else {}
            status = "promised" if promise else "open"
            yield changed("reopened", status=status, fulfilled_at=None, **reopened)

    def _provider(self, asked: list[str]) -> str | None:
        """Somebody who was asked, or belongs to whom was."""
        held = self._people.items()
        members = [ref for ref, it in held if asked[0] in (it["team"], it["partner"])]
        return self._random.choice([ref for ref in asked if ref in self._people] or members or [""])

    def _soon(self) -> str:
        return to_rfc3339(self.now + timedelta(minutes=self._random.choice([20, 3000, 9000])))

    def _change(self, identifier: str, type_: str, **after: Any) -> None:
        state = self._recognitions[identifier]
        spoke = after.get("promise") or after.get("declined")
        if spoke and type_ in ("promised", "declined"):
            self._attributions[identifier]["provider"] = self._side(spoke["by"])
        if type_ == "released":
            self._attributions[identifier]["provider"] = None
        state |= after
        self._tell(identifier, type_)

    def _erase(self) -> None:
        """Another id stands for somebody everywhere."""
        person = self._anybody()
        alias = f"person:erased-{self._next_version('erased')}"

        def renamed(held: Any) -> Any:
            if isinstance(held, dict):
                return {renamed(key): renamed(value) for key, value in held.items()}
            if isinstance(held, list):
                return [renamed(each) for each in held]
            return alias if held == person else held

        for identifier, state in list(self._recognitions.items()):
            after, sides = renamed(state), renamed(self._attributions[identifier])
            if (after, sides) != (state, self._attributions[identifier]):
                self._recognitions[identifier], self._attributions[identifier] = after, sides
                self._tell(identifier, "erased")
        self._people[person]["active"] = False
        self._tell_person(person)

    def _tell(self, identifier: str, type_: str) -> None:
        state = copy.deepcopy(self._recognitions[identifier])
        state.pop("before_hidden", None)
        event = events.recognition(
            identifier,
            version=self._next_version(identifier),
            type_=f"kudos.recognition.{type_}",
            at=to_rfc3339(self.now),
            **state,
        )
        event.data["attribution"] = copy.deepcopy(self._attributions[identifier])
        self.told.append(event)

    def _next_version(self, subject: str) -> int:
        self._versions[subject] = self._versions.get(subject, 0) + 1
        return self._versions[subject]


class Post:
    """Brings what an organisation tells as a log never should: late, older versions after newer
    ones, some of them again and again."""

    def __init__(self, organisation: Organisation, random: Random) -> None:
        self._organisation = organisation
        self._random = random
        self._waiting: list[Event] = []
        self._taken = 0

    def bring(self) -> list[Event]:
        """Some of what was told and not brought yet, and of what was brought."""
        told = self._organisation.told
        self._waiting += told[self._taken :]
        self._taken = len(told)
        count = self._random.randint(0, len(self._waiting))
        brought = [self._waiting.pop(self._any(self._waiting)) for _ in range(count)]
        again = [told[self._any(told)] for _ in range(self._random.choice([0, 0, 1, 2]))]
        return [*brought, *again]

    def bring_the_rest(self) -> list[Event]:
        """Everything that is left."""
        self._waiting += self._organisation.told[self._taken :]
        self._random.shuffle(self._waiting)
        rest, self._waiting, self._taken = self._waiting, [], len(self._organisation.told)
        return rest

    def _any(self, held: list[Event]) -> int:
        return self._random.randint(0, len(held) - 1)
