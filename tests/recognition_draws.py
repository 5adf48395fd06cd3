"""Drawn at random: what somebody asks of a recognition. Mostly what may be, by whom it may be."""

from datetime import timedelta
from random import Random
from typing import Any

from tests.recognition_model import MODERATOR, PEOPLE, Act, Life, World

RECIPIENTS = ("person:ada", "person:bob", "person:grace", "person:smith", "team:compilers",
              "team:core", "partner:acme")  # fmt: skip
VISIBILITIES = ("public", "team", "private")
ALIVE = {"given", "open", "promised", "fulfilled", "hidden"}

ON_PLEASES = ("promise", "release", "fulfil", "reopen", "decline", "withdraw", "thank")
NEXT = {
    "open": (*4 * ("promise",), "decline", "fulfil", "thank", "withdraw"),
    "promised": (*3 * ("promise",), "release", "fulfil", "fulfil", "thank", "withdraw"),
    "fulfilled": ("reopen", "thank"),
    "given": ("retract", "leave", "echo", "echo", "echo"),
    "hidden": (*4 * ("moderate",), "retract"),
}
"""What may become of a recognition in a state."""

ON_ALL = ("amend", "amend", "moderate", "report")
TALK = ("react", "unreact", "comment", "comment", "amend_comment", "delete_comment")
PROPER = {
    **dict.fromkeys(("reopen", "withdraw", "thank", "amend", "retract"), "giver"),
    **dict.fromkeys(("decline", "fulfil", "leave"), "asked"),
    **dict.fromkeys(("promise", "release"), "promiser"),
    "moderate": "moderator",
}
"""Whose each act is first of all."""

PRECONDITIONED = {"amend", "retract", "amend_comment", "delete_comment"}


def gift(random: Random, kind: str) -> Act:
    """A new recognition; seldom one to oneself."""
    who = random.choice(PEOPLE)
    number = random.choice((1, 1, 2, 3))
    refs = random.sample(RECIPIENTS[:4] if random.random() < 0.6 else RECIPIENTS, number)
    others = [ref for ref in refs if ref != f"person:{who}" or random.random() < 0.1]
    said = _new(random, kind) | {"recipients": others or ["team:compilers"]}
    if random.random() < 0.5:
        said["visibility"] = random.choice(VISIBILITIES)
    return Act("give", who, said=said)


def _new(random: Random, kind: str) -> dict[str, Any]:
    """With a text that nothing has had: what repeats another is refused."""
    return {"kind": kind, "message": f"m{random.getrandbits(64)}"}


def likely(random: Random, life: Life) -> str:
    """Mostly something that may become of it next."""
    names = NEXT.get(life.status, ON_PLEASES)
    return random.choice(names if random.random() < 0.8 else (*ON_PLEASES, *ON_ALL, "echo"))


def draw(random: Random, world: World, life: Life, name: str) -> Act:
    """The act `name` on a recognition."""
    who, revision, comment = _who(random, life, name), life.revision, None
    if name in ("thank", "echo"):
        return _link(random, world, life, name, who)
    if name in ("amend_comment", "delete_comment"):
        comment = random.choice([*life.comments] or ["none"])
        by, _, revision = life.comments.get(comment, (who, "", 1))
        who = by.removeprefix("person:") if random.random() < 0.7 else who
    if name not in PRECONDITIONED:
        revision = None
    elif random.random() < 0.1:
        revision += 1
    return Act(name, who, life.id, _said(random, world, name), comment, revision)


def _who(random: Random, life: Life, name: str) -> str:
    asked = [who for who in PEOPLE if life.is_asked_of(who)]
    by_role = {
        "giver": [life.giver.removeprefix("person:")],
        "asked": asked,
        "promiser": [life.promise["by"].removeprefix("person:")] if life.promise else asked,
        "moderator": [MODERATOR],
    }
    role = PROPER.get(name, "anybody")
    if random.random() < 0.25:
        role = random.choice(("giver", "asked", "moderator", "anybody"))
    return random.choice(by_role.get(role) or PEOPLE)


def _link(random: Random, world: World, life: Life, name: str, who: str) -> Act:
    """A thank-you that answers a please, or echoes another."""
    said = _new(random, "thank_you")
    if name == "echo":
        said["echoes"] = life.id
        if random.random() < 0.2:
            said["visibility"] = random.choice(VISIBILITIES)
        if random.random() < 0.2:
            said["recipients"] = random.sample(RECIPIENTS, 1)
    else:
        asked = [life.promise["by"]] if life.promise else life.recipients
        said["answers"] = life.id
        said["recipients"] = [ref for ref in asked if ref != f"person:{who}"] or asked
    return Act("give", who, said=said)


def _said(random: Random, world: World, name: str) -> dict[str, Any]:
    match name:
        case "promise":
            hours = random.choice((1, 6, 30, 30, 300, -1))
            reason = random.choice(("the train", "the train", None))
            return {"due_at": world.now + timedelta(hours=hours), "reason": reason}
        case "reopen" | "decline" | "report":
            return {"reason": "because"}
        case "amend":
            return random.choice(
                (
                    {"message": random.choice("abc")},
                    {"visibility": random.choice(VISIBILITIES)},
                    {"values": random.choice(([], ["honesty"], ["quality", "honesty"]))},
                )
            )
        case "moderate":
            return {"action": random.choice(("hide", "restore")), "reason": "because"}
        case "react" | "unreact":
            return {"emoji": random.choice("👏🎉")}
        case "comment" | "amend_comment":
            return {"message": random.choice("abc")}
        case _:
            return {}
