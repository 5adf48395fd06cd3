"""Acts on a please, and what the giver, recipients and moderators do to any recognition.

One function here is what one request does, within the transaction of `session`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.acting import Acted, Acting
from services.recognition.domain import amending, please
from services.recognition.domain.change import Actor, Change
from services.recognition.fair_play import FairPlay
from services.recognition.repository import RecognitionRepository, ValueRepository
from services.recognition.views import Views
from shared.auth.caller import Caller

Document = dict[str, Any]
Expecting = Callable[[int], None]

ACTS: Mapping[str, Callable[..., Any]] = {
    "promise": please.promise,
    "release": please.release,
    "fulfil": please.fulfil,
    "reopen": please.reopen,
    "decline": please.decline,
    "withdraw": please.withdraw,
}
"""Acts on a please, by the last segment of their path."""


class Pleases:
    """Acts on pleases."""

    def __init__(self, acting: Acting, views: Views) -> None:
        self._acting = acting
        self._views = views

    def act(
        self,
        caller: Caller,
        recognition_id: str,
        act: str,
        asked: Mapping[str, Any],
        session: ClientSession,
    ) -> Document:
        """Do one of ACTS; the please as the caller sees it afterwards. Raises NotFound, Forbidden,
        and the rules' WrongState, NotYours and Refusal."""
        rule = partial(ACTS[act], **asked)
        acted = self._acting.act(caller, recognition_id, rule, session)
        return self._views.one(acted.after, caller.person, acted.actor.badges)


class Amending:
    """Amending, retracting, leaving."""

    def __init__(
        self,
        acting: Acting,
        views: Views,
        recognitions: RecognitionRepository,
        values: ValueRepository,
        fair_play: FairPlay,
        window: timedelta,
    ) -> None:
        self._acting = acting
        self._views = views
        self._recognitions = recognitions
        self._values = values
        self._fair_play = fair_play
        self._window = window

    def amend(
        self,
        caller: Caller,
        recognition_id: str,
        changes: Mapping[str, Any],
        expecting: Expecting,
        session: ClientSession,
    ) -> Document:
        """Change message, values or visibility; it as the caller sees it afterwards."""
        values = self._values.in_use(changes.get("values", ()))

        def rule(record: Document, who: Actor, now: datetime) -> Change | None:
            first = self._recognitions.get(record["echoes"], session) if record["echoes"] else None
            return amending.amend(
                *(record, who, now),
                changes=changes,
                window=self._window,
                values=values,
                widest=first["visibility"] if first else "public",
            )

        acted = self._acting.act(caller, recognition_id, rule, session, expecting=expecting)
        self._audit_privilege(caller, acted, "recognition.amended", session)
        return self._views.one(acted.after, caller.person, acted.actor.badges)

    def retract(
        self, caller: Caller, recognition_id: str, expecting: Expecting, session: ClientSession
    ) -> None:
        """Take a thank-you back."""
        acted = self._acting.act(
            caller, recognition_id, amending.retract, session, expecting=expecting
        )
        self._audit_privilege(caller, acted, "recognition.retracted", session)
        self._forget(acted, session)

    def leave(self, caller: Caller, recognition_id: str, session: ClientSession) -> None:
        """Take the caller out of its recipients."""
        acted = self._acting.act(caller, recognition_id, amending.leave, session)
        if acted.after["status"] == "retracted":
            self._forget(acted, session)

    def _forget(self, acted: Acted, session: ClientSession) -> None:
        """What was retracted counts for no limit, is no echo, and folds none."""
        record = acted.before
        self._fair_play.take_back(record, session)
        if record["echoes"]:
            self._recognitions.count_echo(record["echoes"], -1, session)
        if record.get("echo_count"):
            self._recognitions.fold_echoes(record["_id"], fold=False, session=session)

    def _audit_privilege(
        self, caller: Caller, acted: Acted, act: str, session: ClientSession
    ) -> None:
        if acted.change and acted.change.by_privilege:
            self._acting.audit(caller, acted, act, session, **acted.change.brought)
