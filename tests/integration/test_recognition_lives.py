"""Random lives of pleases and thank-yous, lived by the running service and by a small model
(tests/recognition_model.py): answers, states, versions, events and credits agree at every step.

A run of KUDOS_TEST_LIVES=500 tries so many lives of its own each time (the failing one is printed,
and @reproduce_failure repeats it); without, a few dozen, the same in every run.
"""

import copy
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations, product
from random import Random
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, currently_in_test_context, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.leaderboard.domain.segments import View
from services.leaderboard.folder import Folder
from shared.config import Settings
from shared.events import Event
from shared.events.contracts import check
from shared.mongo import Client
from tests.leaderboard_memory import MemoryStore
from tests.recognition_draws import ALIVE, ON_ALL, PRECONDITIONED, TALK, draw, gift, likely
from tests.recognition_model import MODERATOR, PEOPLE, RULES, Act, Answer, Life, World, text
from tests.recognition_served import PLAIN, START, Answered, Served, serving

LIVES = int(os.environ.get("KUDOS_TEST_LIVES", "0"))
PROFILE = settings(
    max_examples=LIVES or 24,
    stateful_step_count=40,
    derandomize=not LIVES,
    database=None,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=list(Phase) if LIVES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DIRECTORY = """id,name,email,team,manager,partner
ada,Ada Lovelace,ada@example.org,core,grace,
bob,Bob Baker,bob@example.org,core,grace,
grace,Grace Hopper,grace@example.org,compilers,,
max,Max Mild,max@example.org,,,
smith,Jo Smith,jo@acme.example,,,acme
"""
LEVEL = {
    "name": "Compilers",
    "provider": "team:compilers",
    "respond_within_seconds": 4 * 3600,
    "fulfil_within_seconds": 2 * 24 * 3600,
}
POSTS = {"give", "comment", "report", "moderate",
         "promise", "release", "fulfil", "reopen", "decline", "withdraw"}  # fmt: skip
PATHS = {
    "give": ("POST", ""),
    "amend": ("PATCH", "/{target}"),
    "retract": ("DELETE", "/{target}"),
    "leave": ("DELETE", "/{target}/recipients/me"),
    "react": ("PUT", "/{target}/reactions/{emoji}"),
    "unreact": ("DELETE", "/{target}/reactions/{emoji}"),
    "comment": ("POST", "/{target}/comments"),
    "amend_comment": ("PATCH", "/{target}/comments/{comment}"),
    "delete_comment": ("DELETE", "/{target}/comments/{comment}"),
    "report": ("POST", "/{target}/reports"),
    "moderate": ("POST", "/{target}/moderation"),
}
"""Method and path of each act; of those not named, POST to their own name."""

SPANS = st.sampled_from(
    [
        *(timedelta(minutes=5), timedelta(hours=2), timedelta(hours=23)),
        *(timedelta(days=3), timedelta(days=8), timedelta(hours=-5), timedelta(days=-2)),
    ]
)
SEEDS = st.integers(0, 2**32 - 1)
"""Hypothesis likes to take the same one again, so each step makes another one of it."""

EVENTS = {
    *("asked", "promised", "promise_moved", "released", "fulfilled", "reopened", "declined"),
    *("withdrawn", "answered", "thanked", "amended", "retracted", "hidden", "restored", "reported"),
    *("reacted", "commented", "comment_amended", "comment_deleted"),
    *("due_soon", "overdue", "unanswered", "unthanked"),
}
happened: Counter[tuple[str, int]] = Counter()
"""How often each act was answered how."""

told: Counter[str] = Counter()
"""How often each type of event was told."""


class Lives(RuleBasedStateMachine):
    """Lets the service and the model live the same life, and compares them at every step."""

    def __init__(self, suite: Served) -> None:
        super().__init__()
        self.suite = suite
        suite.begin()
        self.world = World(START)
        self.published: dict[str, list[Event]] = {}
        self.boards = MemoryStore({})
        self.folder = Folder(self.boards, ZoneInfo("UTC"))
        self.folded: dict[str, int] = {}
        self.steps = 0

    @precondition(lambda self: len(self.alive("please")) < 3)
    @rule(seed=SEEDS)
    def ask(self, seed: int) -> None:
        random = self.random(seed)
        self.one(gift(random, "please"))

    @precondition(lambda self: len(self.alive("thank_you")) < 3)
    @rule(seed=SEEDS)
    def thank(self, seed: int) -> None:
        random = self.random(seed)
        self.one(gift(random, "thank_you"))

    @precondition(lambda self: self.alive())
    @rule(seed=SEEDS, is_repeated=st.booleans())
    def act(self, seed: int, is_repeated: bool) -> None:
        random = self.random(seed)
        life = self.some(random)
        self.one(draw(random, self.world, life, likely(random, life)), is_repeated=is_repeated)

    @precondition(lambda self: self.alive("please"))
    @rule(seed=SEEDS)
    def act_on_a_please(self, seed: int) -> None:
        """Twice, because much may become of it."""
        random = self.random(seed)
        life = self.some(random, "please")
        for _ in range(2):
            self.one(draw(random, self.world, life, likely(random, life)))

    @precondition(lambda self: self.alive())
    @rule(seed=SEEDS)
    def act_on_any(self, seed: int) -> None:
        random = self.random(seed)
        self.one(draw(random, self.world, self.some(random), random.choice(ON_ALL)))

    @precondition(lambda self: self.alive())
    @rule(seed=SEEDS)
    def talk(self, seed: int) -> None:
        random = self.random(seed)
        life = self.some(random)
        for _ in range(2):
            self.one(draw(random, self.world, life, random.choice(TALK)))

    @precondition(lambda self: self.alive())
    @rule(seed=SEEDS)
    def two_at_once(self, seed: int) -> None:
        """Two clients, or a client and the clock worker."""
        random = self.random(seed)
        life = self.some(random)
        others = (likely(random, life), random.choice((*ON_ALL, *TALK, "tick")))
        names = (likely(random, life), random.choice(others))
        self.two(life, [draw(random, self.world, life, name) for name in names])

    @rule(span=SPANS, is_told=st.booleans())
    def pass_time(self, span: timedelta, is_told: bool) -> None:
        """The clock jumps, also back."""
        self.set_clock(self.world.now + span, is_told=is_told)

    @precondition(lambda self: self.world.next_tick())
    @rule(short=st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=1)]))
    def pass_time_until_something_is_due(self, short: timedelta) -> None:
        next_tick = self.world.next_tick()
        assert next_tick is not None
        self.set_clock(next_tick - short)

    @rule(who=st.sampled_from(PEOPLE))
    def read_the_feed(self, who: str) -> None:
        found = self.suite.call("GET", "/recognitions?limit=200", who, scopes=scopes_of(who)).body
        order = [(item["given_at"], item["id"]) for item in found["items"]]
        assert {id for _, id in order} == self.world.feed(who)
        assert order == sorted(order, reverse=True)
        for item in found["items"]:
            self.compare_view(item, self.world.lives[item["id"]], who)

    @rule()
    def publish(self) -> None:
        """The relay clears the outboxes: what was told is in the log, each once, in order."""
        for event in self.suite.publish():
            self.published.setdefault(event.subject, []).append(event)
        assert not any(self.suite.unpublished().values())
        self.compare()

    def set_clock(self, now: datetime, *, is_told: bool = True) -> None:
        """Move the clock, and let its worker tell what is due."""
        self.world.now = now
        self.suite.now.set(now)
        if is_told:
            assert self.suite.clock.step() == self.world.tick()
            self.compare()

    def alive(self, kind: str | None = None) -> list[Life]:
        """Those that more may become of."""
        lives = self.world.lives.values()
        return [life for life in lives if kind in (None, life.kind) and life.status in ALIVE]

    def some(self, random: Random, kind: str | None = None) -> Life:
        """Mostly one that more may become of."""
        every = [life for life in self.world.lives.values() if kind in (None, life.kind)]
        return random.choice(self.alive(kind) if random.random() < 0.9 else every)

    def random(self, seed: int) -> Random:
        self.steps += 1
        return Random(f"{seed} {self.steps}")

    def two(self, about: Life, acts: list[Act]) -> None:
        """Let two acts be done at once: both outcomes are those of one order of the two."""
        note(f"at once: {acts}")
        barrier = Barrier(2)

        def send(act: Act) -> Answered | int:
            barrier.wait(10)
            return self.suite.clock.step() if act.name == "tick" else self.send(act)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, acts))
        found = self.collect()
        outcomes = []
        for order in permutations(range(2)):
            trial = copy.deepcopy(self.world)
            expected = {at: predicted(trial, acts[at], answers[at]) for at in order}
            outcomes.append((expected, {id: life.events for id, life in trial.lives.items()}))
            agreed = all(agrees(answers[at], expected[at]) for at in order)
            if agreed and outcomes[-1][1] == found:
                self.world = trial
                break
        else:
            raise AssertionError(f"{acts}: no order explains {answers}, {found}; {outcomes}")
        happened.update(
            (act.name, answer.status)
            for act, answer in zip(acts, answers, strict=True)
            if not isinstance(answer, int)
        )
        self.compare(about.id)

    def one(self, act: Act, *, is_repeated: bool = False) -> Answered:
        """Let one act be done (a POST perhaps sent again, as it was), and compare everything."""
        if currently_in_test_context():
            note(f"{act}")
        key = uuid.uuid4().hex
        answer = self.send(act, key if is_repeated else None)
        expected = predicted(self.world, act, answer)
        assert agrees(answer, expected), f"{act}: {answer.status} {answer.text}, not {expected}"
        if is_repeated and act.name in POSTS:
            again = self.send(act, key)
            assert (again.status, again.body) == (answer.status, answer.body)
        happened[act.name, answer.status] += 1
        self.compare(*made(act, answer), *([act.target] if act.target else []))
        if answer.status == 204:  # who may not see it any more, perhaps
            self.compare_reading(self.world.lives[act.target or ""], act.who)
        return answer

    def send(self, act: Act, key: str | None = None) -> Answered:
        method, path = PATHS.get(act.name, ("POST", "/{target}/{name}"))
        emoji = act.said.get("emoji", "")
        path = path.format(target=act.target, name=act.name, comment=act.comment, emoji=emoji)
        said = {name: value for name, value in act.said.items() if name != "emoji"}
        if "due_at" in said:
            said["due_at"] = text(said["due_at"])
        headers = {"If_Match": f'"{act.if_match}"'} if act.name in PRECONDITIONED else {}
        if key and method == "POST":
            headers["Idempotency_Key"] = key
        body = said if method in ("POST", "PATCH") else None
        return self.suite.call(
            method, f"/recognitions{path}", act.who, body, scopes_of(act.who), **headers
        )

    def compare(self, *touched: str) -> None:
        """Whether everything is as the model has it; what was touched, as everybody reads it."""
        assert self.collect() == {id: life.events for id, life in self.world.lives.items()}
        for id in touched:
            self.compare_readings(self.world.lives[id])
        assert self.suite.db["audit"].count_documents({}) == self.world.audited
        assert self.credits() == self.world.credits()

    def compare_readings(self, life: Life) -> None:
        path = f"/recognitions/{life.id}"
        giver = life.giver.partition(":")[2]
        for who in (giver, PEOPLE[life.version % len(PEOPLE)]):
            self.compare_reading(life, who)
        if life.comments:
            found = self.suite.call("GET", f"{path}/comments", giver, scopes=scopes_of(giver)).body
            said = {
                one["id"]: (one["by"], one["message"], one["revision"]) for one in found["items"]
            }
            assert said == life.comments

    def compare_reading(self, life: Life, who: str) -> None:
        answer = self.suite.call("GET", f"/recognitions/{life.id}", who, scopes=scopes_of(who))
        is_readable = self.world.reads(life, who)
        assert answer.status == (200 if is_readable else 404), (life, who, answer.text)
        if is_readable:
            self.compare_view(answer.body, life, who)
            assert answer.headers["ETag"] == f'"{life.revision}"'

    def compare_view(self, view: dict[str, Any], life: Life, who: str) -> None:
        wanted = {**life.view(who), "echoed_by": self.world.echoed_by(life, who)}
        assert shown(view, wanted) == wanted

    def collect(self) -> dict[str, list[str]]:
        """The types of what was ever told of each recognition, in order of version, which begin
        at 1 and have no gap; new ones are folded into the boards, for the second time when they
        were in the outbox before."""
        types = {}
        for id, waiting in self.suite.unpublished().items():
            events = [*self.published.get(id, ()), *waiting]
            versions = [event.data["state"]["version"] for event in events]
            assert versions == list(range(1, len(events) + 1)), (id, versions)
            self.fold(events[self.folded.get(id, 0) :])
            self.folded[id] = len(events)
            types[id] = [event.type.rpartition(".")[2] for event in events]
        return types

    def fold(self, events: list[Event]) -> None:
        """Let the leaderboard fold events, as its projector does."""
        for event in events:
            check(event)
            told[event.type.rpartition(".")[2]] += 1
        changes = [self.folder.prepare(event) for event in events]
        self.folder.apply([change for change in changes if change], None)  # type: ignore[arg-type]
        self.folder.settle()

    def credits(self) -> Counter[tuple[str, str, str]]:
        """What the leaderboard counts for all time."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for board, by in product(("received", "given"), ("people", "teams", "partners")):
            scores = self.boards.scores(View(board, "all", by))
            counts.update({(board, by, ref): score for ref, score in scores.items()})
        return counts


def scopes_of(who: str) -> list[str]:
    return [*PLAIN, "kudos:moderate"] if who == MODERATOR else PLAIN


def made(act: Act, answer: Answered | int) -> list[str]:
    """The id of the recognition that an act made, if any."""
    is_new = isinstance(answer, Answered) and act.name == "give" and answer.status == 201
    return [answer.body["id"]] if is_new and isinstance(answer, Answered) else []


def predicted(world: World, act: Act, answer: Answered | int) -> Answer | int:
    """What the model answers; ids are as the service gave them."""
    if isinstance(answer, int):
        return world.tick()
    return world.answer(act, answer.body["id"] if answer.status == 201 else "")


def agrees(answer: Answered | int, expected: Answer | int) -> bool:
    if isinstance(answer, int) or isinstance(expected, int):
        return answer == expected
    allowed = answer.body.get("allowed", []) if answer.status == 409 else []
    wanted = expected.view or {}
    return (
        answer.status == expected.status
        and allowed == expected.allowed
        and (not wanted or shown(answer.body, wanted) == wanted)
    )


def shown(view: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Those members of a view that the model knows."""
    ordered = {name: sorted(view[name]) for name in ("my_reactions", "echoed_by") if name in view}
    return {name: ordered.get(name, view.get(name)) for name in wanted}


@pytest.fixture(scope="module")
def suite(mongo_uri: str, session_client: Client, tmp_path_factory: Any) -> Iterator[Served]:
    namespace = f"t{uuid.uuid4().hex[:12]}"
    data = tmp_path_factory.mktemp("lives") / "kudos"
    ours = Settings(mongo_uri=mongo_uri, namespace=namespace, data=data)
    with serving(ours, session_client, DIRECTORY) as suite:
        made = suite.call("PUT", "/service-levels/compilers", "ada", LEVEL, If_None_Match="*")
        assert made.status == 201, made.text
        suite.db["audit"].delete_many({})
        yield suite
    for service in ("recognition", "log"):
        session_client.drop_database(f"{namespace}_{service}")


def test_the_service_lives_as_the_model_does(suite: Served) -> None:
    run_state_machine_as_test(lambda: Lives(suite), settings=PROFILE)
    assert {status for _, status in happened} >= {200, 201, 204, 404, 409}


def test_every_act_and_every_event_of_time_in_one_life(suite: Served) -> None:
    """What random lives may miss: each act done once, each event told once."""
    happened.clear()
    told.clear()
    lives, hour = Lives(suite), timedelta(hours=1)

    def do(name: str, who: str, about: str | None = None, **said: Any) -> str:
        life = lives.world.lives.get(about or "")
        comment = next(iter(life.comments), None) if life else None
        revision = (
            life.comments[comment][2] if life and comment else life.revision if life else None
        )
        answer = lives.one(Act(name, who, about, said, comment, revision), is_repeated=True)
        assert answer.status < 300, answer.text
        return str(answer.body["id"]) if answer.status == 201 else ""

    now = lives.world.now
    id = do("give", "ada", kind="please", recipients=["person:grace"], message="a")
    lives.set_clock(now + 5 * hour)  # unanswered
    do("promise", "grace", id, due_at=now + 9 * hour)
    do("release", "grace", id)
    do("promise", "grace", id, due_at=now + 10 * hour)
    do("promise", "grace", id, due_at=now + 25 * hour, reason="the train")
    lives.set_clock(now + 24 * hour)  # due soon
    lives.set_clock(now + 26 * hour)  # overdue
    for hours in (40, 50):  # the first move comes too late, and that stays
        do("promise", "grace", id, due_at=now + hours * hour, reason="the train")
    do("fulfil", "grace", id)
    do("reopen", "ada", id, reason="not quite")
    do("fulfil", "ada", id)
    lives.publish()
    lives.set_clock(now + 100 * hour)  # unthanked
    do("give", "ada", kind="thank_you", recipients=["person:grace"], message="b", answers=id)
    for act in ("withdraw", "decline"):
        asked = {"kind": "please", "recipients": ["person:bob"], "message": act}
        id = do("give", "ada", **asked)
        do(act, "ada" if act == "withdraw" else "bob", id, reason="because")
    both = ["person:bob", "person:grace"]
    id = do("give", "ada", kind="thank_you", recipients=both, message="c", visibility="team")
    do("react", "bob", id, emoji="👏")
    do("unreact", "bob", id, emoji="👏")
    do("report", "grace", id, reason="rude")
    for action in ("hide", "restore"):
        do("moderate", MODERATOR, id, action=action, reason="because")
    do("amend", "ada", id, message="d")
    do("leave", "grace", id)
    do("comment", "bob", id, message="e")
    do("amend_comment", "bob", id, message="f")
    do("delete_comment", "bob", id)
    do("retract", "ada", id)
    assert {act for act, _ in happened} == set(RULES)
    assert set(told) == EVENTS
