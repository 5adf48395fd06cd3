"""The person that a path names."""

from shared.auth.caller import Caller
from shared.references import kind_of, parse_reference
from shared.web.problems import NotFound


def person_in_path(text: str, caller: Caller) -> str:
    """The reference of a person by id (`me`: the caller). Raises NotFound for anything else."""
    if text == "me" and caller.person:
        return caller.person
    try:
        reference = parse_reference(text)
    except ValueError as error:
        raise NotFound(str(error)) from None
    if kind_of(reference) != "person":
        raise NotFound(f"{reference} is no person")
    return reference
