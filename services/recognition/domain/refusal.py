"""How a rule says no."""

from collections.abc import Iterable
from dataclasses import dataclass


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


def refuse(pointer: str, detail: str) -> Refusal:
    """A refusal with one fault."""
    return Refusal([Fault(pointer, detail)])
