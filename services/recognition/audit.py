"""Entries of the audit log: every act by right of a privilege leaves one, in its transaction."""

from datetime import datetime
from typing import Any

from shared.auth.caller import Caller
from shared.ids import new_id
from shared.telemetry import request_id

Document = dict[str, Any]


def audit_entry(
    caller: Caller | None, act: str, subject: str, at: datetime, **detail: Any
) -> Document:
    """What `caller` (None: somebody on the server itself) did to `subject` (a reference or an id).

    `act` is like `recognition.hidden`; `detail` is plain data: reasons and names of fields, never
    what a private text says.
    """
    return {
        "_id": new_id(),
        "at": at,
        "by": caller.person if caller else None,
        "credentials": caller.id if caller else "server",
        "act": act,
        "subject": subject,
        "detail": detail,
        "request_id": request_id.get(),
    }
