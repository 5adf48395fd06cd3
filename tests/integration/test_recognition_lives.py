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
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)

from services.leaderboard.folder import Folder
from shared.config import Settings
from shared.events import Event
from shared.events.contracts import check
from shared.mongo import Client
from tests.leaderboard_memory import MemoryStore
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
ROLES = ("giver", "giver", "asked", "asked", "promiser", "anybody")
VISIBILITIES = ("public", "team", "private")
RECIPIENTS = ("person:ada", "person:bob", "person:grace", "person:smith", "team:compilers",
              "team:core", "partner:acme")  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """An act before it is known who is who and what there is: of the candidates for `role` and
    for what it is about, the one that `pick` says."""

    name: str
    role: str = "anybody"
    said: Any = None
    pick: int = 0
    is_stale: bool = False


def draft(name: str, **said: Any) -> st.SearchStrategy[Draft]:
    return st.builds(
        Draft,
        name=st.just(name),
        role=st.sampled_from(ROLES),
        said=st.fixed_dictionaries(said),
        pick=st.integers(0, 4),
        is_stale=st.sampled_from([False, False, False, True]),
    )


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


PROMISES = draft("promise", due_in=some(1, 6, 30, 300, -1), reason=some("the train", None))
ON_PLEASES = st.one_of(
    PROMISES,
    PROMISES,
    draft("release"),
    draft("fulfil"),
    draft("reopen", reason=some("not quite")),
    draft("decline", reason=some("no time")),
    draft("withdraw"),
    draft("thank"),
)
ON_ANY = st.one_of(
    draft("amend", message=some("m1", "m2", "m3")),
    draft("amend", visibility=some(*VISIBILITIES)),
    draft("amend", values=some([], ["honesty"], ["quality", "honesty"])),
    draft("retract"),
    draft("leave"),
    draft("echo"),
    draft("echo", visibility=some(*VISIBILITIES)),
    draft("echo", recipients=st.lists(some(*RECIPIENTS), min_size=1, max_size=2)),
    draft("moderate", action=some("hide", "restore"), reason=some("rude")),
    draft("report", reason=some("rude")),
)
CONVERSATION = st.one_of(
    draft("react", emoji=some("👏", "🎉")),
    draft("unreact", emoji=some("👏", "🎉")),
    draft("comment", message=some("c1", "c2")),
    draft("amend_comment", message=some("c3", "c4")),
    draft("delete_comment"),
)
DRAFTS = st.one_of(ON_PLEASES, ON_ANY, CONVERSATION)
GIFTS = st.fixed_dictionaries(
    {
        "kind": some("thank_you", "please", "please"),
        "recipients": st.lists(some(*RECIPIENTS), min_size=1, max_size=2),
    },
    optional={"visibility": some(*VISIBILITIES), "values": some(["quality"])},
)
CLOCK = draft("tick")
POSTS = {"give", "comment", "report", "moderate",
         "promise", "release", "fulfil", "reopen", "decline", "withdraw"}  # fmt: skip
PRECONDITIONED = {"amend", "retract", "amend_comment", "delete_comment"}
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

SPANS = some(
    timedelta(minutes=5),
    timedelta(hours=2),
    timedelta(hours=23),
    timedelta(days=3),
    timedelta(days=8),
    timedelta(hours=-5),
    timedelta(days=-2),
)

happened: Counter[tuple[str, int]] = Counter()
"""How often each act was answered how."""


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
        self.given = 0

    recognitions = Bundle("recognitions")

    @rule(target=recognitions, who=some(*PEOPLE), said=GIFTS, is_repeated=st.booleans())
    def give(self, who: str, said: dict[str, Any], is_repeated: bool) -> Any:
        return self.one(Act("give", who, said=self.worded(said)), is_repeated=is_repeated)

    @rule(target=recognitions, about=recognitions, draft=DRAFTS, is_repeated=st.booleans())
    def act(self, about: str, draft: Draft, is_repeated: bool) -> Any:
        return self.one(self.act_of(about, draft), is_repeated=is_repeated)

    @rule(target=recognitions, about=recognitions, first=DRAFTS, second=DRAFTS | CLOCK)
    def two_at_once(self, about: str, first: Draft, second: Draft) -> Any:
        """Both outcomes are those of one order of the two."""
        acts = [self.act_of(about, first), self.act_of(about, second)]
        barrier = Barrier(2)

        def send(act: Act) -> Answered | int:
            barrier.wait(10)
            return self.suite.clock.step() if act.name == "tick" else self.send(act)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, acts))
        found = self.collect()
        told = []
        for order in permutations(range(2)):
            trial = copy.deepcopy(self.world)
            expected = {at: predicted(trial, acts[at], answers[at]) for at in order}
            told.append((expected, {id: life.events for id, life in trial.lives.items()}))
            agreed = all(agrees(answers[at], expected[at]) for at in order)
            if agreed and told[-1][1] == found:
                self.world = trial
                break
        else:
            raise AssertionError(f"{acts}: no order explains {answers}, {found}; {told}")
        self.compare(about)
        return multiple(*[id for at in range(2) for id in made(acts[at], answers[at])])

    @rule(span=SPANS)
    def pass_time(self, span: timedelta) -> None:
        """The clock jumps, also back."""
        self.world.now += span
        self.suite.now.set(self.world.now)

    @rule()
    def tick(self) -> None:
        """The clock worker tells what is due."""
        assert self.suite.clock.step() == self.world.tick()
        self.compare()

    @rule()
    def publish(self) -> None:
        """The relay clears the outboxes: what was told is in the log, each once, in order."""
        for event in self.suite.publish():
            self.published.setdefault(event.subject, []).append(event)
        assert not any(self.suite.unpublished().values())
        self.compare()

    @rule(who=some(*PEOPLE))
    def read_the_feed(self, who: str) -> None:
        found = self.suite.call("GET", "/recognitions?limit=200", who, scopes=scopes_of(who)).body
        shown = [(item["given_at"], item["id"]) for item in found["items"]]
        assert {id for _, id in shown} == self.world.feed(who)
        assert shown == sorted(shown, reverse=True)
        for item in found["items"]:
            self.compare_view(item, self.world.lives[item["id"]], who)

    def one(self, act: Act, *, is_repeated: bool) -> Any:
        """Let one act be done (a POST perhaps sent again, as it was), and compare everything."""
        key = uuid.uuid4().hex
        answer = self.send(act, key if is_repeated else None)
        expected = predicted(self.world, act, answer)
        assert agrees(answer, expected), f"{act}: {answer.status} {answer.text}, not {expected}"
        if is_repeated and act.name in POSTS:
            again = self.send(act, key)
            assert (again.status, again.body) == (answer.status, answer.body)
        happened[act.name, answer.status] += 1
        self.compare(*made(act, answer), *([act.target] if act.target else []))
        return multiple(*made(act, answer))

    def act_of(self, about: str, draft: Draft) -> Act:
        """The act that a draft means, of the recognition `about`."""
        life, said = self.world.lives[about], dict(draft.said or {})
        who = self.who(life, draft)
        if draft.name in ("thank", "echo"):
            link = "answers" if draft.name == "thank" else "echoes"
            if draft.name == "thank":
                asked = [life.promise["by"]] if life.promise else life.recipients
                said["recipients"] = [ref for ref in asked if ref != f"person:{who}"] or asked
            return Act("give", who, said=self.worded({"kind": "thank_you", link: about, **said}))
        if "due_in" in said:
            said["due_at"] = self.world.now + timedelta(hours=said.pop("due_in"))
        revision = life.revision
        comment = None
        if draft.name in ("amend_comment", "delete_comment"):
            comments = sorted(life.comments) or ["none"]
            comment = comments[draft.pick % len(comments)]
            by, _, revision = life.comments.get(comment, ("", "", 1))
            if draft.role != "anybody" and by:
                who = by.partition(":")[2]
        stale = draft.is_stale and draft.name in PRECONDITIONED
        return Act(draft.name, who, about, said, comment, revision + 1 if stale else revision)

    def who(self, life: Life, draft: Draft) -> str:
        by_role = {
            "giver": [life.giver.partition(":")[2]],
            "asked": [who for who in PEOPLE if life.is_asked_of(who)],
            "promiser": [life.promise["by"].partition(":")[2]] if life.promise else [],
        }
        candidates = by_role.get(draft.role) or list(PEOPLE)
        if draft.name == "moderate" and draft.role != "anybody":
            candidates = [MODERATOR]
        return candidates[draft.pick % len(candidates)]

    def worded(self, said: dict[str, Any]) -> dict[str, Any]:
        """With a text that nothing has had: what repeats another is refused."""
        self.given += 1
        return {**said, "message": f"n{self.given}"}

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
            answer = self.suite.call("GET", path, who, scopes=scopes_of(who))
            is_readable = self.world.reads(life, who)
            assert answer.status == (200 if is_readable else 404), (life, who, answer.text)
            if is_readable:
                self.compare_view(answer.body, life, who)
                assert answer.headers["ETag"] == f'"{life.revision}"'
        if life.comments:
            found = self.suite.call("GET", f"{path}/comments", giver, scopes=scopes_of(giver)).body
            said = {
                one["id"]: (one["by"], one["message"], one["revision"]) for one in found["items"]
            }
            assert said == life.comments

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
        changes = [self.folder.prepare(event) for event in events]
        self.folder.apply([change for change in changes if change], None)  # type: ignore[arg-type]
        self.folder.settle()

    def credits(self) -> Counter[tuple[str, str, str]]:
        """What the leaderboard counts for all time."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for name, subjects in self.boards.boards().items():
            board, period, by, _ = name.split("|")
            if period == "all":
                counts.update({(board, by, ref): score for ref, (score, _) in subjects.items()})
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
    done = {act for act, status in happened if status < 300}
    assert done == set(RULES), "these never came to be, which proves nothing"
    assert {status for _, status in happened} >= {200, 201, 204, 403, 404, 409, 412, 422}
