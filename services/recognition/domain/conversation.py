"""Reactions and comments: small words below a recognition."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import emoji as emojis

from services.recognition.domain.change import Actor, Change, require_status
from services.recognition.domain.please import spoke
from services.recognition.domain.refusal import NotYours, WrongState, refuse
from services.recognition.domain.visibility import SHOWN_STATUSES

Record = dict[str, Any]

MOST_EMOJI = 50
MOST_COMMENTS = 1000
_SHOWN = tuple(sorted(SHOWN_STATUSES))


def emoji_of(text: str) -> str:
    """The one emoji that `text` is, fully qualified (Unicode emoji-test), so that a heart with and
    without its variation selector is one reaction. Raises Refusal for anything else."""
    if not emojis.is_emoji(text):
        raise refuse("/emoji", f"{text!r} is not a single emoji like 👏")
    return emojis.emojize(emojis.demojize(text))


def react(record: Record, who: Actor, _now: datetime, *, emoji: str) -> Change | None:
    """Add one's reaction; one of each emoji for each person."""
    require_status(record, "get reactions", _SHOWN)
    held = record["reactions"].get(emoji, [])
    if who.person in held:
        return None
    if not held and len(record["reactions"]) >= MOST_EMOJI:
        raise WrongState(f"it has {MOST_EMOJI} different emoji: take one of those")
    reactions = {**record["reactions"], emoji: [*held, who.person]}
    brought = {"emoji": emoji, "added": True}
    return Change({**record, "reactions": reactions}, "reacted", brought)


def take_back_reaction(record: Record, who: Actor, _now: datetime, *, emoji: str) -> Change | None:
    """Take one's reaction back."""
    held = record["reactions"].get(emoji, [])
    if who.person not in held:
        return None
    left = [ref for ref in held if ref != who.person]
    reactions = {name: people for name, people in record["reactions"].items() if name != emoji}
    if left:
        reactions[emoji] = left
    brought = {"emoji": emoji, "added": False}
    return Change({**record, "reactions": reactions}, "reacted", brought)


def comment(record: Record, who: Actor, now: datetime, *, comment: Record) -> Change:
    """Add a comment; from whom a please was asked of it is an answer."""
    require_status(record, "get comments", _SHOWN)
    if record["comment_count"] >= MOST_COMMENTS:
        raise WrongState(f"it has {MOST_COMMENTS:,} comments, and no more are kept")
    after = {**spoke(record, who, now), "comment_count": record["comment_count"] + 1}
    return Change(after, "commented", {"comment": comment})


def amend_comment(record: Record, who: Actor, _now: datetime, *, comment: Record) -> Change:
    """Say one's comment otherwise; `comment` is it as it is now."""
    require_status(record, "get comments", _SHOWN)
    if comment["by"] != who.person:
        raise NotYours("only its writer can amend a comment")
    return Change(record, "comment_amended", {"comment": comment})


def delete_comment(
    record: Record, who: Actor, _now: datetime, *, comment: Mapping[str, Any]
) -> Change:
    """Delete a comment: its writer, or a moderator."""
    if comment["by"] != who.person and not who.moderates:
        raise NotYours("only its writer, or a moderator, can delete a comment")
    after = {**record, "comment_count": record["comment_count"] - 1}
    return Change(after, "comment_deleted", {"comment": {"id": comment["id"]}})
