"""Preferences as a person reads and sets them. One function here is what one request does."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.client_session import ClientSession

from services.notifier.domain import preferences as rules
from services.notifier.domain.addresses import IPNetwork
from services.notifier.domain.targets import RefusedTarget, parse_target
from services.notifier.repository import Repository
from services.notifier.sealing import chat_purpose
from services.notifier.sending import Resolver, find_addresses
from shared.mongo import Document
from shared.vault import Vault
from shared.web.problems import Unprocessable, error_at

_KEPT_AS_ASKED = ("timezone", "language", "digest")


class PreferenceBook:
    """What the views call."""

    def __init__(
        self,
        repository: Repository,
        vault: Vault,
        allowed: Sequence[IPNetwork],
        resolver: Resolver,
        organisation_zone: str,
    ) -> None:
        self._repository = repository
        self._vault = vault
        self._allowed = allowed
        self._resolver = resolver
        self._zone = organisation_zone

    def get(self, person: str) -> Document:
        """The preferences of a person, with the defaults where they said nothing."""
        return self._view(person, self._repository.preferences.get(person) or {})

    def put(self, person: str, asked: Mapping[str, Any]) -> Document:
        """Put `asked` in the place of what was set; what is left out is as by default, except the
        chat URL, which nobody can read and send back: it stays until it is null or another.

        Raises Unprocessable for a chat URL that may not be used.
        """
        stored: Document = {"_id": person, "channels": rules.differing(asked["channels"])}
        stored |= {name: asked[name] for name in _KEPT_AS_ASKED if asked[name] is not None}
        if asked["quiet_hours"] is not None:
            quiet = asked["quiet_hours"]
            begin, end, weekends = quiet["begin"], quiet["end"], quiet["weekends"]
            stored["quiet_hours"] = {"from": begin, "to": end, "weekends": weekends}
        if asked.get("chat_url") is not None:
            stored["chat_url"] = self._sealed(person, asked["chat_url"])

        def work(session: ClientSession) -> Document:
            # In one transaction, so that the chat URL which stays is not one from before.
            preferences = self._repository.preferences
            before = preferences.get(person, session) if "chat_url" not in asked else None
            kept = {"chat_url": before["chat_url"]} if before and "chat_url" in before else {}
            after = {**stored, **kept}
            _require_chat_url(after)
            preferences.store(after, session)
            return after

        return self._view(person, self._repository.in_transaction(work))

    def _sealed(self, person: str, url: str) -> Document:
        try:
            find_addresses(parse_target(url), self._resolver, self._allowed)
            return dict(self._vault.seal(url, chat_purpose(person)))
        except RefusedTarget as refused:
            detail = f"The URL {refused}"
        except LookupError:
            detail = "Chat is not set up here: the operator has to set KUDOS_SECRET_KEYS first"
        raise Unprocessable(detail, [error_at("chat_url", detail)])

    def _view(self, person: str, stored: Mapping[str, Any]) -> Document:
        entry = self._repository.directory.find(person) or {}
        zones = (stored.get("timezone"), entry.get("timezone"), self._zone)
        day, hour = rules.digest_time(stored)
        return {
            "channels": rules.choices(stored),
            "quiet_hours": stored.get("quiet_hours"),
            "timezone": stored.get("timezone"),
            "effective_timezone": rules.zone_of(zones).key,
            "language": stored.get("language"),
            "digest": {"day": rules.DAYS[day], "hour": hour},
            "has_chat_url": "chat_url" in stored,
            "email": entry.get("email"),
        }


def _require_chat_url(stored: Mapping[str, Any]) -> None:
    if "chat_url" not in stored and any(
        channels.get("chat") for channels in stored["channels"].values()
    ):
        detail = "is missing: chat was chosen, and nothing says where to send it"
        raise Unprocessable(f"The chat_url {detail}", [error_at("chat_url", detail)])
