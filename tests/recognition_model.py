"""A small model of recognitions: what the API must answer, and what it must have told.

It says over what DESIGN section 4 and docs/api.md say, in plain Python and without a line of the
service: test_recognition_lives.py lets both live the same lives. Who asks for what may be refused
for several reasons; it is refused for the first of: not there to be seen (404), stale (412), a
state that does not allow it (409), a breach in what was sent (422), not theirs to do (403).
"""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

State = dict[str, Any]

TEAMS = {"ada": "core", "bob": "core", "grace": "compilers"}
PARTNERS = {"smith": "acme"}
MODERATOR = "max"
PEOPLE = (*TEAMS, *PARTNERS, MODERATOR)

LEVELS = {
    "team:compilers": ("compilers", timedelta(hours=4), timedelta(days=2)),
    "person:grace": ("compilers", timedelta(hours=4), timedelta(days=2)),
}
"""The service level that a please to these gets: its id, and both times."""

SHOWN = ("declined", "fulfilled", "given", "open", "promised", "withdrawn")
AMENDABLE = ("given", "open", "promised", "fulfilled", "declined")
WIDTH = ("private", "team", "public")


class Refused(Exception):
    """The answer is no: its status, and the statuses that a 409 allows."""

    def __init__(self, status: int, allowed: tuple[str, ...] = ()) -> None:
        self.status, self.allowed = status, list(allowed)
        super().__init__(f"{status} {self.allowed}")


@dataclass(frozen=True)
class Act:
    """What somebody asks for: `target` is the id of a recognition, `comment` of a comment;
    `if_match` the revision that a change is meant for."""

    name: str
    who: str
    target: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    comment: str | None = None
    if_match: int | None = None


@dataclass(frozen=True)
class Answer:
    """What the API must answer: `view` holds members of the body."""

    status: int
    allowed: list[str] = field(default_factory=list)
    view: State | None = None


def text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def groups_of(who: str) -> set[str]:
    """Everything by which somebody may be addressed."""
    found = {f"person:{who}"}
    if who in TEAMS:
        found.add(f"team:{TEAMS[who]}")
    if who in PARTNERS:
        found.add(f"partner:{PARTNERS[who]}")
    return found


def stood_for(reference: str) -> set[str]:
    """A reference, and the team or partner of a person."""
    kind, _, name = reference.partition(":")
    return groups_of(name) if kind == "person" else {reference}


@dataclass
class Life:
    """One recognition. `facts` is what everybody reads of it; `comments` are (by, message,
    revision) by id; `told` what the clock has told, and of which instant."""

    facts: State
    events: list[str]
    reactions: dict[str, list[str]] = field(default_factory=dict)
    comments: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    reports: set[str] = field(default_factory=set)
    was_reported: bool = False
    declines: dict[str, State] = field(default_factory=dict)
    due_at: datetime | None = None
    due_set_at: datetime | None = None
    was_moved_late: bool = False
    fulfilled_at: datetime | None = None
    has_answer: bool = False
    has_thanks: bool = False
    told: dict[str, datetime] = field(default_factory=dict)
    shown_as: str | None = None
    created_at: datetime = datetime.min
    respond_by: datetime | None = None
    fulfil_by: datetime | None = None
    is_folded: bool = False

    def __getattr__(self, name: str) -> Any:
        """`life.status` is `life.facts["status"]`."""
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(name) from None

    def changes(self, event: str, **facts: Any) -> None:
        """The next version; a new revision when what readers go by is otherwise."""
        revised = ("recipients", "message", "values", "visibility", "status", "promise")
        if any(name in revised and self.facts[name] != value for name, value in facts.items()):
            self.facts["revision"] += 1
        self.facts.update(facts, version=self.version + 1)
        self.events.append(event)

    def is_seen_by(self, who: str) -> bool:
        """Whether somebody may read it (DESIGN section 4, Visibility)."""
        if who != MODERATOR and self.status not in SHOWN and self.giver != f"person:{who}":
            return False
        return self.opens_to(who) or (who == MODERATOR and self.was_reported)

    def opens_to(self, who: str) -> bool:
        """Whether its visibility alone lets somebody read it."""
        named = {self.giver, *self.recipients}
        if self.visibility == "private":
            return not groups_of(who).isdisjoint(named)
        sides = set().union(*(stood_for(ref) for ref in named))
        is_public = self.visibility == "public" and who not in PARTNERS
        return is_public or who == MODERATOR or not groups_of(who).isdisjoint(sides)

    def is_asked_of(self, who: str) -> bool:
        """Whether a please is for somebody: they may promise and decline it."""
        return self.giver != f"person:{who}" and not groups_of(who).isdisjoint(self.recipients)

    def answered(self, now: datetime) -> None:
        """The first word of whom it was asked of."""
        if not self.has_answer and self.respond_by:
            self._level(responded_in_time=now <= self.respond_by)
        self.has_answer = True

    def _level(self, **times: Any) -> None:
        self.facts["service_level"] = {**self.facts["service_level"], **times}

    def done(self, now: datetime, event: str = "fulfilled") -> None:
        """It is fulfilled: kept when in time, every move having been said in time."""
        promise = self.promise
        if promise:
            is_kept = self.due_at is not None and now <= self.due_at and not self.was_moved_late
            promise = {**promise, "outcome": "kept" if is_kept else "late"}
        self.answered(now)
        if self.fulfil_by:
            self._level(fulfilled_in_time=now <= self.fulfil_by)
        self.fulfilled_at = now
        self.changes(event, status="fulfilled", promise=promise, fulfilled_at=text(now))

    def pending(self) -> list[tuple[datetime, str, datetime]]:
        """What time alone will tell of it, and was not told: when, what, and of which instant."""
        due: list[tuple[datetime, str, datetime]] = []
        if self.kind != "please":
            return due
        if self.status == "open" and not self.has_answer:
            at = self.respond_by or self.created_at + timedelta(days=1)
            due.append((at, "unanswered", self.created_at))
        elif self.status == "promised":
            assert self.due_at is not None
            assert self.due_set_at is not None
            total = self.due_at - self.due_set_at
            notice = max(timedelta(minutes=10), total / 10)
            if notice < total:
                due.append((self.due_at - notice, "due_soon", self.due_at))
            due.append((self.due_at, "overdue", self.due_at))
        elif self.status == "fulfilled" and not self.has_thanks:
            assert self.fulfilled_at is not None
            due.append((self.fulfilled_at + timedelta(days=2), "unthanked", self.fulfilled_at))
        return [one for one in due if self.told.get(one[1]) != one[2]]

    def tick(self, now: datetime) -> bool:
        """Let time alone tell something, once; whether there was something to tell."""
        ready = [one for one in self.pending() if one[0] <= now]
        if not ready:
            return False
        _, event, about = ready[-1]
        self.told[event] = about
        if event == "overdue":
            self.told["due_soon"] = about
        if event == "unanswered" and self.respond_by:
            self._level(responded_in_time=False)
        self.changes(event)
        return True

    def view(self, who: str) -> State:
        """What the API shows somebody of it."""
        mine = sorted(emoji for emoji, people in self.reactions.items() if who in people)
        return {
            **self.facts,
            "reactions": {emoji: len(people) for emoji, people in self.reactions.items()},
            "my_reactions": mine,
            "comment_count": len(self.comments),
        }


class World:
    """All recognitions, by id, and how many entries the audit log has."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.lives: dict[str, Life] = {}
        self.audited = 0

    def answer(self, act: Act, new_id: str = "") -> Answer:
        """Do what is asked, or leave everything as it was; `new_id`: of what it creates."""
        before = copy.deepcopy((self.lives, self.audited))
        try:
            return RULES[act.name](self, act, new_id)
        except Refused as refused:
            self.lives, self.audited = before
            return Answer(refused.status, refused.allowed)

    def tick(self) -> int:
        """Let the clock tell what is due; how many events that are."""
        return sum(life.tick(self.now) for life in self.lives.values())

    def next_tick(self) -> datetime | None:
        """When time alone tells something next."""
        ahead = [at for life in self.lives.values() for at, _, _ in life.pending()]
        return min(ahead, default=None)

    def reads(self, life: Life, who: str) -> bool:
        """Whether somebody may read it; a moderator who may by a report alone is audited."""
        is_seen = life.is_seen_by(who)
        if is_seen and not life.opens_to(who):
            self.audited += 1
        return is_seen

    def echoed_by(self, first: Life, who: str) -> list[str]:
        """Who echoed it, of whose echoes somebody may know."""
        echoes = [life for life in self.lives.values() if life.echoes == first.id]
        return sorted(
            echo.giver for echo in echoes if echo.status == "given" and echo.opens_to(who)
        )

    def feed(self, who: str) -> set[str]:
        """The ids of what the feed shows somebody."""
        return {
            life.id
            for life in self.lives.values()
            if life.status in SHOWN
            and life.opens_to(who)
            and not life.is_folded
            and life.created_at < self.now + timedelta(minutes=5)
        }

    def credits(self) -> Counter[tuple[str, str, str]]:
        """Credits by (board, by, subject): one for each recipient of what stands as given."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for life in self.lives.values():
            if life.status != "given" or life.visibility == "private":
                continue
            giver = stood_for(life.giver)
            for recipient in life.recipients:
                for subject in giver:
                    counts["given", BY[subject.partition(":")[0]], subject] += 1
                if recipient not in giver:  # one's own team is told, and gets no credit
                    for subject in stood_for(recipient):
                        counts["received", BY[subject.partition(":")[0]], subject] += 1
        return counts

    def seen(self, act: Act) -> Life:
        """What an act is about. Refused with 404 for what is not there to be seen."""
        life = self.lives.get(act.target or "")
        if life is None or not life.is_seen_by(act.who):
            raise Refused(404)
        return life


BY = {"person": "people", "team": "teams", "partner": "partners"}
Rule = Callable[[World, Act, str], Answer]


def require(condition: object, status: int, *allowed: str) -> None:
    if not condition:
        raise Refused(status, allowed)


def require_status(life: Life, *allowed: str) -> None:
    require(life.status in allowed, 409, *allowed)


def give(world: World, act: Act, new_id: str) -> Answer:
    """A thank-you, by itself or as an echo or as the answer to a please; or a please."""
    said, me = act.said, f"person:{act.who}"
    answers = world.lives.get(said.get("answers", ""))
    echoed = world.lives.get(said.get("echoes", ""))
    for link, linked in (("answers", answers), ("echoes", echoed)):
        require(link not in said or (linked and linked.is_seen_by(act.who)), 422)
    recipients = said.get("recipients", [])
    default = "public" if said["kind"] == "thank_you" else "team"
    first = None
    if echoed:
        first = world.lives[echoed.echoes or echoed.id]
        recipients = said.get("recipients") or [ref for ref in echoed.recipients if ref != me]
        default = echoed.visibility
        require_status(echoed, "given")
        require(me not in (echoed.giver, first.giver), 422)
        require(recipients and set(recipients) <= set(echoed.recipients), 422)
        wanted = said.get("visibility", "private")
        require(WIDTH.index(wanted) <= WIDTH.index(echoed.visibility), 422)
    recipients = list(dict.fromkeys(recipients))
    is_mixed = len(recipients) > 1 and any(not ref.startswith("person:") for ref in recipients)
    require(me not in recipients and not (said["kind"] == "please" and is_mixed), 422)
    facts = {
        **dict.fromkeys(("link", "needed_by", "category", "promise", "fulfilled_at", "declined")),
        "id": new_id,
        "kind": said["kind"],
        "status": "given" if said["kind"] == "thank_you" else "open",
        "giver": me,
        "recipients": recipients,
        "message": said["message"],
        "values": list(said.get("values", [])),
        "visibility": said.get("visibility", default),
        "answers": said.get("answers"),
        "echoes": first.id if first else None,
        "service_level": None,
        "given_at": text(world.now),
        "created_at": text(world.now),
        "version": 1,
        "revision": 1,
    }
    life = Life(facts, ["thanked" if said["kind"] == "thank_you" else "asked"])
    life.created_at = world.now
    level = next((LEVELS[ref] for ref in recipients if ref in LEVELS), None)
    if level and said["kind"] == "please":
        life.respond_by, life.fulfil_by = world.now + level[1], world.now + level[2]
        times = {"respond_by": text(life.respond_by), "fulfil_by": text(life.fulfil_by)}
        facts["service_level"] = {"id": level[0], **times}
        facts["service_level"] |= {"responded_in_time": None, "fulfilled_in_time": None}
    if answers:
        require(answers.kind == "please" and answers.giver == me, 422)
        require_status(answers, "open", "promised", "fulfilled")
        if answers.status != "fulfilled":
            answers.done(world.now)
        elif not answers.has_thanks:
            answers.changes("answered")
        answers.has_thanks = True
    if first:
        others = [one for one in world.lives.values() if one.echoes == first.id]
        require(not any(one.giver == me and one.status != "retracted" for one in others), 409)
        life.is_folded = first.status == "given"
    world.lives[new_id] = life
    return Answer(201, view=life.view(act.who))


def act_on_please(change: Callable[[World, Life, Act], None], *allowed: str) -> Rule:
    """The rule of an act that a please takes in the states `allowed`."""

    def rule(world: World, act: Act, _new_id: str) -> Answer:
        life = world.seen(act)
        require(life.kind == "please", 409)
        require_status(life, *allowed)
        change(world, life, act)
        return Answer(200, view=life.view(act.who))

    return rule


def promise(world: World, life: Life, act: Act) -> None:
    me, now, due_at = f"person:{act.who}", world.now, act.said["due_at"]
    held = life.promise
    require(not held or held["by"] == me, 409, "open")
    if held and life.due_at == due_at:
        return
    require(due_at > now, 422)
    if held:
        require(act.said.get("reason"), 422)
        assert life.due_at is not None
        life.was_moved_late = life.was_moved_late or now >= life.due_at
        moved = {**held, "due_at": text(due_at), "moved": held["moved"] + 1}
        life.changes("promise_moved", promise=moved)
    else:
        require(life.is_asked_of(act.who), 403)
        life.answered(now)
        life.declines.pop(me, None)
        life.was_moved_late = False
        made = {"by": me, "promised_at": text(now), "due_at": text(due_at)}
        made |= {"moved": 0, "outcome": None}
        life.changes("promised", status="promised", promise=made)
    life.due_at, life.due_set_at = due_at, now


def release(_world: World, life: Life, act: Act) -> None:
    require(life.promise["by"] == f"person:{act.who}", 403)
    life.changes("released", status="open", promise=None)


def fulfil(world: World, life: Life, act: Act) -> None:
    me = f"person:{act.who}"
    others = life.promise["by"] == me if life.promise else life.is_asked_of(act.who)
    require(me == life.giver or others, 403)
    life.done(world.now)


def reopen(world: World, life: Life, act: Act) -> None:
    require(life.giver == f"person:{act.who}", 403)
    assert life.fulfilled_at is not None
    require(world.now - life.fulfilled_at <= timedelta(days=7), 409)
    promise = {**life.promise, "outcome": None} if life.promise else None
    if life.facts["service_level"]:
        life.facts["service_level"] = {**life.service_level, "fulfilled_in_time": None}
    status = "promised" if promise else "open"
    life.changes("reopened", status=status, promise=promise, fulfilled_at=None)


def decline(world: World, life: Life, act: Act) -> None:
    require(life.is_asked_of(act.who), 403)
    me, reason = f"person:{act.who}", act.said["reason"]
    life.answered(world.now)
    life.declines[me] = {"by": me, "reason": reason, "alternative": None, "at": text(world.now)}
    asked = {ref for ref in life.recipients if ref.startswith("person:")}
    is_final = asked <= set(life.declines)
    final = {"status": "declined", "declined": life.declines[me]} if is_final else {}
    life.changes("declined", **final)


def withdraw(_world: World, life: Life, act: Act) -> None:
    require(life.giver == f"person:{act.who}", 403)
    life.changes("withdrawn", status="withdrawn")


def amend(world: World, act: Act, _new_id: str) -> Answer:
    life, me = world.seen(act), f"person:{act.who}"
    require(act.if_match == life.revision, 412)
    require_status(life, *AMENDABLE)
    wanted = {name: value for name, value in act.said.items() if life.facts[name] != value}
    if not wanted:
        return Answer(200, view=life.view(act.who))
    if life.echoes and "visibility" in wanted:
        widest = world.lives[life.echoes].visibility
        require(WIDTH.index(wanted["visibility"]) <= WIDTH.index(widest), 422)
    is_early = world.now - life.created_at <= timedelta(hours=24)
    is_own = (life.giver == me and is_early) or (
        me in life.recipients and act.said == {"visibility": "private"}
    )
    if not is_own:
        require(act.who == MODERATOR, 409 if life.giver == me else 403)
        world.audited += 1
    life.changes("amended", **wanted)
    return Answer(200, view=life.view(act.who))


def retract(world: World, act: Act, _new_id: str) -> Answer:
    life = world.seen(act)
    require(act.if_match == life.revision, 412)
    require(life.kind == "thank_you", 409)
    require_status(life, "given", "held", "hidden")
    if life.giver != f"person:{act.who}":
        require(act.who == MODERATOR, 403)
        world.audited += 1
    life.changes("retracted", status="retracted")
    fold_echoes(world, life)
    return Answer(204)


def leave(world: World, act: Act, _new_id: str) -> Answer:
    life, me = world.seen(act), f"person:{act.who}"
    require(life.kind == "thank_you", 409)
    require_status(life, "given", "held")
    require(me in life.recipients, 403)
    if life.recipients == [me]:
        life.changes("retracted", status="retracted")
        fold_echoes(world, life)
    else:
        life.changes("amended", recipients=[ref for ref in life.recipients if ref != me])
    return Answer(204)


def fold_echoes(world: World, first: Life) -> None:
    """Echoes show under what they echo, and by themselves while that is not shown."""
    if first.status == "retracted":
        first.is_folded = False
    for life in world.lives.values():
        if life.echoes == first.id and life.status != "retracted":
            life.is_folded = first.status == "given"


def react(world: World, act: Act, _new_id: str) -> Answer:
    life, emoji = world.seen(act), act.said["emoji"]
    require_status(life, *SHOWN)
    held = life.reactions.setdefault(emoji, [])
    if act.who not in held:
        held.append(act.who)
        life.changes("reacted")
    return Answer(200, view=life.view(act.who))


def unreact(world: World, act: Act, _new_id: str) -> Answer:
    life, emoji = world.seen(act), act.said["emoji"]
    held = life.reactions.get(emoji, [])
    if act.who in held:
        held.remove(act.who)
        if not held:
            del life.reactions[emoji]
        life.changes("reacted")
    return Answer(200, view=life.view(act.who))


def comment(world: World, act: Act, new_id: str) -> Answer:
    life = world.seen(act)
    require_status(life, *SHOWN)
    if life.kind == "please" and life.is_asked_of(act.who):
        life.answered(world.now)
    life.comments[new_id] = (f"person:{act.who}", act.said["message"], 1)
    life.changes("commented")
    return Answer(201, view={"by": f"person:{act.who}", "message": act.said["message"]})


def said_before(life: Life, act: Act) -> tuple[str, str, int]:
    found = life.comments.get(act.comment or "")
    if found is None:
        raise Refused(404)
    require(act.if_match == found[2], 412)
    return found


def amend_comment(world: World, act: Act, _new_id: str) -> Answer:
    life = world.seen(act)
    by, _, revision = said_before(life, act)
    require_status(life, *SHOWN)
    require(by == f"person:{act.who}", 403)
    assert act.comment is not None
    life.comments[act.comment] = (by, act.said["message"], revision + 1)
    life.changes("comment_amended")
    return Answer(200, view={"message": act.said["message"], "revision": revision + 1})


def delete_comment(world: World, act: Act, _new_id: str) -> Answer:
    life = world.seen(act)
    by, _, _ = said_before(life, act)
    if by != f"person:{act.who}":
        require(act.who == MODERATOR, 403)
        world.audited += 1
    assert act.comment is not None
    del life.comments[act.comment]
    life.changes("comment_deleted")
    return Answer(204)


def report(world: World, act: Act, _new_id: str) -> Answer:
    life = world.seen(act)
    if act.who in life.reports:
        return Answer(200)
    require_status(life, *SHOWN)
    life.reports.add(act.who)
    life.was_reported = True
    life.changes("reported")
    return Answer(201)


def moderate(world: World, act: Act, _new_id: str) -> Answer:
    require(act.who == MODERATOR, 403)
    life, action = world.seen(act), act.said["action"]
    if action == "hide":
        require_status(life, *SHOWN, "held")
        life.shown_as = life.status
        life.changes("hidden", status="hidden")
    else:
        require_status(life, "hidden", "held")
        life.changes("restored", status=life.shown_as)
    life.reports.clear()
    fold_echoes(world, life)
    world.audited += 1
    return Answer(200, view=life.view(act.who))


RULES: dict[str, Rule] = {
    "give": give,
    "promise": act_on_please(promise, "open", "promised"),
    "release": act_on_please(release, "promised"),
    "fulfil": act_on_please(fulfil, "open", "promised"),
    "reopen": act_on_please(reopen, "fulfilled"),
    "decline": act_on_please(decline, "open"),
    "withdraw": act_on_please(withdraw, "open", "promised"),
    "amend": amend,
    "retract": retract,
    "leave": leave,
    "react": react,
    "unreact": unreact,
    "comment": comment,
    "amend_comment": amend_comment,
    "delete_comment": delete_comment,
    "report": report,
    "moderate": moderate,
}
