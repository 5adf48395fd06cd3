"""Events as the recognition service publishes them, for what only the leaderboard sees."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.events import DIRECTORY, RECOGNITION, Event, event_id

AT = "2026-11-22T10:00:00Z"


def recognition(
    identifier: str,
    giver: str = "person:ada",
    recipients: Sequence[str] = ("person:bob",),
    *,
    version: int = 1,
    given_at: str = AT,
    teams: Mapping[str, str] | None = None,
    partners: Mapping[str, str] | None = None,
    above: Mapping[str, list[str]] | None = None,
    directions: Mapping[str, str] | None = None,
    provider: str | None = None,
    at: str | None = None,
    type_: str = "kudos.recognition.thanked",
    **state: Any,
) -> Event:
    """A version of a thank-you; `teams` and `partners` say for whom people stood, `above` which
    teams each team had above it, `directions` which way it went to each; `provider` is whose side
    the provider's is."""
    stands_for = [teams or {}, partners or {}]

    def side(ref: str) -> dict[str, Any]:
        team, partner = (held.get(ref) for held in stands_for)
        team = ref if ref.startswith("team:") else team
        partner = ref if ref.startswith("partner:") else partner
        ancestors = (above or {}).get(team, []) if team else []
        return {"team": team, "partner": partner, "ancestors": ancestors}

    data = {
        "state": {
            "id": identifier,
            "kind": "thank_you",
            "status": "given",
            "giver": giver,
            "recipients": list(recipients),
            "message": "Thank you",
            "link": None,
            "values": [],
            "visibility": "public",
            "answers": None,
            "echoes": None,
            "needed_by": None,
            "category": None,
            "promise": None,
            "fulfilled_at": None,
            "declined": None,
            "service_level": None,
            "given_at": given_at,
            "created_at": given_at,
            "version": version,
            "revision": version,
            "reactions": {},
            "comment_count": 0,
            "external_id": None,
            "source": "test",
            "quiet": False,
            **state,
        },
        "attribution": {
            "giver": side(giver),
            "recipients": {
                ref: {**side(ref), "direction": (directions or {}).get(ref)} for ref in recipients
            },
            "provider": side(provider) if provider else None,
        },
        "change": {"by": giver, "at": at or given_at},
        "quiet": False,
    }
    return _event(RECOGNITION, type_, identifier, version, data)


def person(ref: str, *, version: int = 1, **state: Any) -> Event:
    """A version of a person of the directory."""
    return _entry(
        ref,
        version,
        {
            "name": ref.partition(":")[2].title(),
            "email": None,
            "team": None,
            "partner": None,
            "manager": None,
            "active": True,
            "hidden_from_boards": False,
            "technical": False,
            "timezone": None,
            "photo_url": None,
            **state,
        },
    )


def team(ref: str, *, version: int = 1, **state: Any) -> Event:
    """A version of a team of the directory."""
    name = ref.partition(":")[2].title()
    return _entry(ref, version, {"name": name, "parent": None, "ancestors": [], **state})


def partner(ref: str, *, version: int = 1, **state: Any) -> Event:
    """A version of a partner of the directory."""
    return _entry(ref, version, {"name": ref.title(), "kind": "supplier", **state})


def _entry(ref: str, version: int, state: dict[str, Any]) -> Event:
    kind, _, identifier = ref.partition(":")
    own = {"id": identifier, "ref": ref, "type": kind, "version": version}
    data = {"state": {**own, **state}, "change": {"by": None, "at": AT}, "quiet": False}
    return _event(DIRECTORY, f"kudos.{kind}.changed", ref, version, data)


def _event(topic: str, type_: str, subject: str, version: int, data: dict[str, Any]) -> Event:
    return Event(
        id=event_id(subject, version),
        type=type_,
        source="/recognition",
        subject=subject,
        time=AT,
        topic=topic,
        key=subject,
        data=data,
    )
