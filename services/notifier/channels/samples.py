"""Notices about made-up people, one of each kind: for `kudos preview`, and for the tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier.domain.notices import KINDS, Act, Addressee, Links, Notice
from shared.times import parse_rfc3339

_AT = "2026-11-25T13:05:00Z"
_DUE, _PAST = "2026-11-27T13:00:00Z", "2026-11-24T16:30:00Z"
_SUITE = "https://kudos.example.org"

PEOPLE: dict[str, dict[str, Any]] = {
    "person:ada": {"name": "Ada Lovelace", "team": "team:engines", "photo_url": None},
    "person:grace": {"name": "Grace Hopper", "team": "team:engines", "photo_url": None},
    "person:mary": {"name": "Mary Shelley", "team": "team:stories", "photo_url": None},
    "person:alan": {"name": "Alan Turing", "team": "team:engines", "photo_url": None},
    "person:emmy": {"name": "Emmy Noether", "team": "team:stories", "photo_url": None},
    "person:joan": {"name": "Joan Clarke", "team": "team:stories", "photo_url": None},
    "team:engines": {"name": "Engines", "team": None, "photo_url": None},
    "team:stories": {"name": "Stories", "team": None, "photo_url": None},
}


def sample(kind: str, language: str = "en", timezone: str = "Europe/Berlin") -> Notice:
    """A notice of `kind` (domain/notices.py) to Grace Hopper. Raises KeyError."""
    acts, about = _CONTENTS[kind]
    return Notice(
        id=f"msg_{kind}",
        kind=kind,
        to=Addressee("person:grace", "Grace Hopper", "grace@example.org", timezone, language),
        links=Links(
            suite=_SUITE,
            preferences=f"{_SUITE}/preferences",
            unsubscribe=f"{_SUITE}/notifier/v1/unsubscribe?token=person:grace.{kind}.0a1b2c3d.Zm9v",
        ),
        acts=acts,
        people=PEOPLE,
        about=about,
    )


def view(
    id: str, giver: str = "person:ada", recipients: tuple[str, ...] = ("person:grace",), **more: Any
) -> dict[str, Any]:
    """A recognition as GET /recognition/v1/recognitions/{id} shows it."""
    return {
        "id": id, "kind": "thank_you", "status": "given", "giver": giver,
        "recipients": list(recipients), "message": "Thank you!", "link": None, "values": [],
        "visibility": "public", "answers": None, "echoes": None, "needed_by": None,
        "category": None, "promise": None, "fulfilled_at": None, "declined": None,
        "service_level": None, "given_at": _AT, "created_at": _AT, "version": 1, "revision": 1,
        "reactions": {}, "my_reactions": [], "comment_count": 0, "advice": [],
        "external_id": None, "source": "web", "quiet": False, **more,
    }  # fmt: skip


def please(
    id: str,
    giver: str,
    recipients: tuple[str, ...],
    promiser: str | None = None,
    due_at: str = _DUE,
    **more: Any,
) -> dict[str, Any]:
    """The same of a please; promised by `promiser` by `due_at`, when there is one."""
    promise = {"by": promiser, "promised_at": _AT, "due_at": due_at, "moved": 0, "outcome": None}
    status = {"status": "promised", "promise": promise} if promiser else {"status": "open"}
    message = "Could you look over the plan for the difference engine? Section 3 worries me."
    asked = {"kind": "please", "visibility": "team", "message": message}
    return view(id, giver, recipients, **{**asked, **status, **more})


def act(
    type: str, recognition: Mapping[str, Any], by: str | None = "person:ada", **change: Any
) -> Act:
    """Something that happened to a recognition."""
    at: datetime = parse_rfc3339(_AT)
    told = {"by": by, "at": _AT, **change}
    return Act(f"kudos.recognition.{type}", by, at, told, recognition)


def _comment(by: str, message: str) -> dict[str, Any]:
    return {"by": by, "comment": {"id": "c1", "by": by, "message": message}}


_THANKS = view(
    "0199a", message="You stayed until it worked, and you showed all of us how.\n\nThank you!"
)
_MINE = view("0199b", "person:grace", ("person:ada",), message="Your proof saved us a week.")
_ASKED = please("0199c", "person:ada", ("person:grace",), needed_by=_DUE)
_ASKING = please("0199d", "person:grace", ("person:alan",), "person:alan")
_PROMISED = please("0199e", "person:ada", ("person:grace",), "person:grace")
_LATE = please("0199f", "person:mary", ("person:grace",), "person:grace", _PAST)
_TEAMS = view("019a0", "person:mary", ("person:alan", "person:ada"), message="The demo was great!")
_WEEK = {"id": "2026-W47", "from": "2026-11-15T23:00:00Z", "to": "2026-11-22T23:00:00Z"}
_DAY = {"id": "2026-11-24", "from": "2026-11-23T23:00:00Z", "to": "2026-11-24T23:00:00Z"}

_CONTENTS: dict[str, tuple[tuple[Act, ...], dict[str, Any]]] = {
    "thanks": ((act("thanked", _THANKS),), {}),
    "asks": ((act("asked", _ASKED),), {}),
    "promises": ((act("promised", _ASKING, "person:alan", note="I start tomorrow."),), {}),
    "comments": (
        (
            act("commented", _THANKS, **_comment("person:mary", "Well deserved!")),
            act("commented", _THANKS, **_comment("person:alan", "I learned a lot, too.")),
        ),
        {},
    ),
    "reactions": (
        tuple(
            act("reacted", _MINE, by, emoji=emoji, added=True)
            for by, emoji in (
                ("person:ada", "👏"),
                ("person:mary", "👏"),
                ("person:alan", "🎉"),
                ("person:emmy", "👏"),
                ("person:joan", "❤️"),
            )
        ),
        {},
    ),
    "reminders": ((act("due_soon", _PROMISED, None),), {}),
    "overdue": ((act("overdue", _LATE, None),), {}),
    "daily": ((), {"period": _DAY, "received": [_THANKS], "due": [_PROMISED], "late": [_LATE]}),
    "weekly": (
        (),
        {
            "period": _WEEK,
            "received": [_THANKS, view("019a1", "person:emmy", message="For the coffee ☕")],
            "given": [_MINE],
            "asked": [_ASKED],
            "due": [_PROMISED],
            "late": [_LATE],
            "more": {"received": 3},
        },
    ),
    "team_weekly": (
        (),
        {
            "period": _WEEK,
            "received": [_TEAMS],
            "quiet": ["person:emmy", "person:joan"],
            "quiet_weeks": 4,
            "due": [_ASKING],
            "late": [please("019a2", "person:mary", ("team:engines",), "person:ada", _PAST)],
        },
    ),
    "webhooks": (
        (),
        {
            "endpoint": {
                "id": "whk_0199",
                "url": "https://hooks.example.com/kudos?key=abc",
                "description": "The intranet's wall",
                "enabled": True,
                "disabled_reason": None,
            },
            "state": "failing",
            "failing_since": "2026-11-22T09:12:00Z",
            "last": "no answer in time",
        },
    ),
}
assert set(_CONTENTS) == set(KINDS)
