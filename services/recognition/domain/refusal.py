"""How a rule says no."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: a JSON pointer (RFC 6901) into what was sent."""

    pointer: str
    detail: str


class Refusal(Exception):
    """What was asked breaks a rule; the web answers 422, an import refuses the line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in self.faults))


class WrongState(Exception):
    """The recognition is not in a state that allows it; the web answers 409.

    `allowed` are the statuses that do, `more` further members of the problem document.
    """

    def __init__(self, detail: str, allowed: Iterable[str] = (), **more: Any) -> None:
        self.detail, self.allowed, self.more = detail, tuple(allowed), more
        super().__init__(detail)


class NotYours(Exception):
    """Somebody else may do this, but not who asks; the web answers 403."""


def refuse(pointer: str, detail: str) -> Refusal:
    """A refusal with one fault."""
    return Refusal([Fault(pointer, detail)])
