"""The catalogue of event types that can be delivered, and the patterns that choose among them."""

from collections.abc import Iterable

WEBHOOK_FAILING = "kudos.webhook.failing"
WEBHOOK_DISABLED = "kudos.webhook.disabled"
WEBHOOK_TEST = "kudos.webhook.test"
"""What POST /webhooks/{id}/test sends; it comes when asked for, so no endpoint chooses it."""
RECOGNITION = "kudos.recognition."
"""What the types about recognitions begin with."""

DELIVERABLE = {
    "kudos.recognition.thanked": "Somebody thanked people, a team or a partner",
    "kudos.recognition.asked": "Somebody asked people, a team or a partner for something",
    "kudos.recognition.promised": "Somebody promised what was asked, by a time",
    "kudos.recognition.promise_moved": "A promise has a new time, with the reason",
    "kudos.recognition.released": "A promise was given back; the please is open again",
    "kudos.recognition.fulfilled": "What was asked is done",
    "kudos.recognition.reopened": "What counted as done is not",
    "kudos.recognition.declined": "What was asked cannot be done, with the reason",
    "kudos.recognition.withdrawn": "The asker took a please back",
    "kudos.recognition.amended": "Message, values or visibility changed",
    "kudos.recognition.restored": "A recognition that was hidden or held is shown again",
    "kudos.recognition.commented": "Somebody commented",
    "kudos.recognition.reacted": "Somebody reacted, or took a reaction back",
    "kudos.recognition.due_soon": "A promise is due soon",
    "kudos.recognition.overdue": "A promise was not kept in time",
    "kudos.recognition.unanswered": "A please found no answer yet",
    "kudos.recognition.unthanked": "A please was fulfilled and nobody said thank you yet",
    WEBHOOK_FAILING: "Nothing arrives at another webhook endpoint of yours; it will be disabled",
    WEBHOOK_DISABLED: "Another webhook endpoint of yours was disabled, with the reason",
}
"""Type -> what it says. A recognition that nobody may see any more (held, hidden, retracted,
erased) is delivered to nobody, so those types are not here; nor are API keys."""

_WILDCARD = ".*"

PATTERNS = (
    *sorted({f"kudos{_WILDCARD}"} | {t.rpartition(".")[0] + _WILDCARD for t in DELIVERABLE}),
    *DELIVERABLE,
)
"""What may be chosen: the types of the catalogue, and their beginnings, like kudos.recognition.*"""


def is_pattern(text: str) -> bool:
    """Whether `text` is one of PATTERNS."""
    return text in PATTERNS


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of `patterns` means `event_type`."""
    return any(
        event_type.startswith(pattern[:-1])
        if pattern.endswith(_WILDCARD)
        else event_type == pattern
        for pattern in patterns
    )
