"""One recognition and what happens to it, event by event, for tests of who is told what."""

from typing import Any

from shared.events import Event
from tests.notifier_parts import recognition


class Story:
    """The events of one recognition, each a version later than the one before."""

    def __init__(
        self, giver: str = "person:ada", recipients: Any = ("person:bob",), **state: Any
    ) -> None:
        self.giver, self.recipients = giver, list(recipients)
        self.state: dict[str, Any] = dict(state)
        is_please = state.get("kind") == "please"
        self.first = self._event("asked" if is_please else "thanked", giver)
        self.id = self.first.subject

    def then(self, what: str, by: str | None = "person:ada", **more: Any) -> Event:
        """`kudos.recognition.<what>`; `change` is what the act brought, the rest changes the
        state for good."""
        change = more.pop("change", {})
        at = more.pop("at", None)
        self.state |= more
        event = self._event(what, by, id=self.id, version=self.version + 1, at=at)
        event.data["change"].update(change)
        return event

    def reacted(self, by: str, emoji: str = "👏", *, added: bool = True) -> Event:
        """A reaction, or its taking back."""
        reactions = {name: list(who) for name, who in self.state.get("reactions", {}).items()}
        who = reactions.setdefault(emoji, [])
        if added:
            who.append(by)
        else:
            who.remove(by)
        left = {name: people for name, people in reactions.items() if people}
        return self.then("reacted", by, reactions=left, change={"emoji": emoji, "added": added})

    def commented(self, by: str, message: str = "Indeed", *, id: str = "c1") -> Event:
        """A comment."""
        comment = {"id": id, "by": by, "message": message}
        total = self.state.get("comment_count", 0) + 1
        return self.then("commented", by, comment_count=total, change={"comment": comment})

    def _event(self, what: str, by: str | None, **options: Any) -> Event:
        kind = f"kudos.recognition.{what}"
        made = recognition(self.giver, self.recipients, type=kind, **options, **self.state)
        made.data["change"]["by"] = by
        self.version = made.data["state"]["version"]
        return made


def please(recipients: Any = ("person:bob",), **state: Any) -> Story:
    """A please of Ada's."""
    return Story("person:ada", recipients, kind="please", status="open", **state)


LONG_AGO = "2026-01-31T16:00:00Z"


def promise(by: str = "person:bob", due_at: str = "2036-01-31T16:00:00Z") -> dict[str, Any]:
    """The state of a promised please."""
    made = {"by": by, "promised_at": "2026-11-22T10:00:00Z", "due_at": due_at, "moved": 0}
    return {"status": "promised", "promise": {**made, "outcome": None}}
