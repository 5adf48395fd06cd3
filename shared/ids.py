"""Ids of what people create: UUIDv7, so that they sort by the time of creation (RFC 9562)."""

import uuid_utils


def new_id() -> str:
    """A new id as canonical text, 36 characters."""
    return str(uuid_utils.uuid7())
