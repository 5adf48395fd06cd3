"""CSV (RFC 4180) beside JSON: which of the two a request wants, and the answer."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response, request

from shared.web.json import CONTENT_TYPE
from shared.web.problems import NotAcceptable

CSV = "text/csv"
CONTENT_TYPE_OF_CSV = f"{CSV}; charset=utf-8; header=present"


def wants_csv(what: str) -> bool:
    """Whether `Accept` prefers CSV. Raises NotAcceptable, which names `what` is answered, when it
    takes neither CSV nor JSON."""
    accepted = request.accept_mimetypes
    best = accepted.best_match([CONTENT_TYPE, CSV]) if accepted else CONTENT_TYPE
    if best is None:
        raise NotAcceptable(f"{what} is answered as {CONTENT_TYPE} or as {CSV}")
    return bool(best == CSV)


def csv_headers(filename: str) -> dict[str, str]:
    """The headers of an answer that a browser saves under `filename`."""
    return {"Content-Disposition": f'attachment; filename="{filename}"', "Vary": "Accept"}


def csv_response(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], filename: str
) -> Response:
    """The answer that holds `rows`. What people chose (names) does not belong there: a spreadsheet
    would take some of it for a formula."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return Response(
        text.getvalue(), content_type=CONTENT_TYPE_OF_CSV, headers=csv_headers(filename)
    )
