"""The channel `chat`: notices to people's own incoming webhooks (Slack, Mattermost).

The URL is a secret of the person's, opened from preferences for each notice: `about["chat_url"]`.
It is posted to by the rules of webhooks, so it leads nowhere inside (docs/adr/0022).
"""

from collections.abc import Callable
from datetime import datetime

import orjson

from services.notifier.channels import Outcome
from services.notifier.channels.block_kit import message_of
from services.notifier.channels.plain import one_line
from services.notifier.domain import retry_after
from services.notifier.domain.notices import Notice
from services.notifier.sending import Answer, Sender
from shared import times

_GONE = frozenset({404, 410})
_REFUSING = frozenset({400, 401, 403, 413})
"""Slack: 400 invalid_payload, 403 action_prohibited, 404 no_service, 410 channel_is_archived. What
it will not take now it will not take later."""
_DETAIL = 200


class Chat:
    """See channels.Channel."""

    def __init__(self, sender: Sender, now: Callable[[], datetime] = times.now) -> None:
        self._sender = sender
        self._now = now

    def send(self, notice: Notice) -> Outcome:
        """See Channel."""
        url = notice.about.get("chat_url")
        if not url:
            return Outcome("refused", f"{notice.to.reference} has no chat hook")
        body = orjson.dumps(message_of(notice))
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Kudos-Chat/1"}
        return _outcome(self._sender.post(url, body, headers), self._now())

    def close(self) -> None:
        """See Channel: the sender is not ours."""


def _outcome(answer: Answer, now: datetime) -> Outcome:
    if answer.error is not None:
        return Outcome("failed", answer.error)
    said = one_line(answer.body[:_DETAIL].decode(errors="replace"), _DETAIL)
    detail = f"{answer.status} {said}".strip()
    if answer.is_success:
        return Outcome("sent", detail)
    if answer.status in _GONE or answer.status in _REFUSING:
        return Outcome("refused", detail)
    wait = retry_after.parse(answer.retry_after, now)
    return Outcome("failed", detail, wait.total_seconds() if wait is not None else None)
