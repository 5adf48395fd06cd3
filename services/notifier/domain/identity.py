"""Ids that follow from what they are about, so that the same event never makes two (DESIGN 6.5)."""

import hashlib


def inbox_item_id(event_id: str, person: str) -> str:
    """The id of what `person` (a reference) is told of an event."""
    return "itm_" + _digest(event_id, person, "inbox")


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The id of the delivery of an event to a webhook endpoint."""
    return "dlv_" + _digest(event_id, endpoint_id, "webhook")


def webhook_event_id(endpoint_id: str, what: str, at: str) -> str:
    """The id of an event about an endpoint itself: `what` became of it, `at` an instant or a random
    text that tells it from others."""
    return "evt_" + _digest(endpoint_id, what, at)


def message_id(*parts: str) -> str:
    """The id of a message to a person: of the event (or the kind of digest and its period), the
    person and the channel."""
    return "msg_" + _digest(*parts, "message")


def flurry_key(recognition_id: str, person: str, channel: str) -> str:
    """What comments and reactions on a recognition are folded by: for each person in each
    channel (`inbox` is one) by themselves."""
    return _digest(recognition_id, person, channel, "flurry")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
