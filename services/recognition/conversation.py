"""Reactions and comments. One function here is what one request does."""

from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.acting import Acting
from services.recognition.domain import conversation as rules
from services.recognition.domain.state import plain
from services.recognition.repository import CommentRepository
from services.recognition.views import Views
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.web.problems import NotFound

Document = dict[str, Any]


class Conversation:
    """What people say below a recognition."""

    def __init__(self, acting: Acting, views: Views, comments: CommentRepository) -> None:
        self._acting = acting
        self._views = views
        self._comments = comments

    def react(
        self, caller: Caller, recognition_id: str, text: str, session: ClientSession
    ) -> Document:
        """Add the caller's reaction; the recognition as they see it then."""
        rule = partial(rules.react, emoji=rules.emoji_of(text))
        return self._reacted(caller, recognition_id, rule, session)

    def take_back_reaction(
        self, caller: Caller, recognition_id: str, text: str, session: ClientSession
    ) -> Document:
        """Take the caller's reaction back; the recognition as they see it then."""
        rule = partial(rules.take_back_reaction, emoji=rules.emoji_of(text))
        return self._reacted(caller, recognition_id, rule, session)

    def _reacted(
        self, caller: Caller, recognition_id: str, rule: Any, session: ClientSession
    ) -> Document:
        acted = self._acting.act(caller, recognition_id, rule, session)
        return self._views.one(acted.after, caller.person, self._acting.badges(caller))

    def page(
        self, caller: Caller, recognition_id: str, after: str | None, limit: int
    ) -> tuple[list[Document], Document]:
        """Up to `limit` comments, the oldest first, and `people`. Raises NotFound."""
        self._acting.readable(caller, recognition_id)
        comments = self._comments.page(recognition_id, after, limit)
        people = self._views.people(comment["by"] for comment in comments)
        return [comment_view(comment) for comment in comments], people

    def get(self, caller: Caller, recognition_id: str, comment_id: str) -> Document:
        """One comment, with `people`. Raises NotFound."""
        self._acting.readable(caller, recognition_id)
        return self._with_people(self._comment(recognition_id, comment_id))

    def comment(
        self, caller: Caller, recognition_id: str, message: str, session: ClientSession
    ) -> Document:
        """Add a comment."""
        made: Document = {
            "_id": new_id(),
            "recognition": recognition_id,
            "by": self._acting.actor(caller).person,
            "message": message,
            "created_at": self._acting.now(),
            "amended_at": None,
            "revision": 1,
        }
        rule = partial(rules.comment, comment=comment_view(made))
        self._acting.act(caller, recognition_id, rule, session)
        self._comments.insert(made, session)
        return self._with_people(made)

    def amend(
        self,
        caller: Caller,
        recognition_id: str,
        comment_id: str,
        message: str,
        expecting: Any,
        session: ClientSession,
    ) -> Document:
        """Say one's comment otherwise; `expecting(revision)` refuses one that has changed."""
        self._acting.readable(caller, recognition_id, session)
        before = self._comment(recognition_id, comment_id, session)
        expecting(before["revision"])
        after = {
            **before,
            "message": message,
            "amended_at": self._acting.now(),
            "revision": before["revision"] + 1,
        }
        rule = partial(rules.amend_comment, comment=comment_view(after))
        self._acting.act(caller, recognition_id, rule, session)
        self._comments.replace(after, session)
        return self._with_people(after)

    def delete(
        self,
        caller: Caller,
        recognition_id: str,
        comment_id: str,
        expecting: Any,
        session: ClientSession,
    ) -> None:
        """Delete one's comment; a moderator anybody's, which is audited."""
        self._acting.readable(caller, recognition_id, session)
        comment = self._comment(recognition_id, comment_id, session)
        expecting(comment["revision"])
        rule = partial(rules.delete_comment, comment=comment_view(comment))
        acted = self._acting.act(caller, recognition_id, rule, session)
        self._comments.delete(comment_id, session)
        if comment["by"] != acted.actor.person:
            self._acting.audit(caller, acted, "comment.deleted", session, by=comment["by"])

    def _comment(
        self, recognition_id: str, comment_id: str, session: ClientSession | None = None
    ) -> Document:
        comment = self._comments.get(recognition_id, comment_id, session)
        if comment is None:
            raise NotFound(f"There is no comment {comment_id} on this recognition")
        return comment

    def _with_people(self, comment: Document) -> Document:
        return {**comment_view(comment), "people": self._views.people([comment["by"]])}


def comment_view(comment: Document) -> Document:
    """A stored comment as the API shows it."""
    members = ("recognition", "by", "message", "created_at", "amended_at", "revision")
    return {"id": comment["_id"], **{name: plain(comment[name]) for name in members}}
