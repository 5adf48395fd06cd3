"""The types of problems that there are, and what they mean: for the pages that list them."""

from inspect import cleandoc

from shared.web.problems import Problem


def catalogue() -> list[type[Problem]]:
    """Every problem type that this process knows, by status and slug; one class per slug."""
    found: dict[str, type[Problem]] = {}
    waiting = list(Problem.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "slug" in vars(kind):
            found[kind.slug] = kind
    return sorted(found.values(), key=lambda kind: (kind.status, kind.slug))


def description(kind: type[Problem]) -> str:
    """The meaning of a problem type as one paragraph of text."""
    return " ".join(cleandoc(kind.__doc__ or "").split())
