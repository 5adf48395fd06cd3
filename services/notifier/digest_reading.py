"""Reading a digest again when it is sent: by what stands then, as its addressee may read it."""

from collections.abc import Callable, Mapping
from typing import Any

from services.notifier.domain import digests as rules
from services.notifier.domain.notices import DIGESTS
from services.notifier.domain.readability import Reader, may_read
from services.notifier.repository import Repository
from shared.mongo import Document
from shared.recognition_view import public_view


def read_digest(
    about: Mapping[str, Any], reader: Reader, repository: Repository
) -> Document | None:
    """`about` of a digest's message as its notice takes it: recognitions as the addressee may read
    them now; None when nothing of it is left to be told."""
    ids = dict.fromkeys(
        key for name, each in about["sections"].items() if name != "quiet" for key in each
    )
    rows = repository.recognitions.get_many(ids)
    found: Document = {"period": about["period"], "more": about["more"]}
    for name, listed in about["sections"].items():
        if name == "quiet":
            found |= {"quiet": listed, "quiet_weeks": rules.QUIET_WEEKS}
            continue
        views = [
            public_view(row["state"], reader.person)
            for key in listed
            if (row := rows.get(key)) is not None
            and rules.is_still(name, row["state"])
            and may_read(reader, row["state"], row["attribution"])
        ]
        if views:
            found[name] = views
    return found if len(found) > len(("period", "more")) else None


def about_reader(
    repository: Repository,
) -> Callable[[str, Mapping[str, Any], Reader], Document | None]:
    """What reads `about` of a message without acts for its addressee, by (kind, about, addressee):
    of digests see `read_digest`; everything else says all itself."""

    def read(kind: str, about: Mapping[str, Any], reader: Reader) -> Document | None:
        return read_digest(about, reader, repository) if kind in DIGESTS else dict(about)

    return read
