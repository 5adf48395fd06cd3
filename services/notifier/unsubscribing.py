"""Unsubscribing from mail without signing in, by a link that we signed (RFC 8058)."""

from typing import NamedTuple
from urllib.parse import quote

from services.notifier.domain.notices import KINDS
from services.notifier.repository.directory import Directory
from services.notifier.repository.preferences import Preferences
from shared.vault import Vault

EVERYTHING = "all"
PATH = "/notifier/v1/unsubscribe"

_PURPOSE = "unsubscribe"
_CHANNEL = "mail"


class Subscription(NamedTuple):
    """Mail of one kind (or EVERYTHING) to one person."""

    person: str
    kind: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it means."""
        return tuple(KINDS) if self.kind == EVERYTHING else (self.kind,)


def token_of(vault: Vault, subscription: Subscription) -> str:
    """What stands in the link: whom and what it is about, and our signature. It has no end, as
    mail has none: it can do no more than switch mail off. Raises LookupError without keys."""
    signature = vault.sign(_signed(subscription), _PURPOSE)
    return f"{subscription.person}/{subscription.kind}/{signature}"


def link_of(vault: Vault, public_url: str, person: str, kind: str) -> str:
    """The URL for `List-Unsubscribe`. Raises LookupError without keys."""
    token = token_of(vault, Subscription(person, kind))
    return f"{public_url.rstrip('/')}{PATH}?token={quote(token, safe=':/')}"


def subscription_of(vault: Vault, token: str) -> Subscription | None:
    """What a token is about; None for one that we did not sign."""
    person, _, rest = token.partition("/")
    kind, _, signature = rest.partition("/")
    found = Subscription(person, kind)
    is_kind = kind == EVERYTHING or kind in KINDS
    is_ours = is_kind and vault.is_signed(_signed(found), signature, _PURPOSE)
    return found if is_ours else None


class Unsubscribing:
    """What the views call."""

    def __init__(self, directory: Directory, preferences: Preferences, vault: Vault) -> None:
        self._directory = directory
        self._preferences = preferences
        self.vault = vault

    def find(self, token: str) -> Subscription | None:
        """See subscription_of."""
        return subscription_of(self.vault, token)

    def language(self, person: str) -> str | None:
        """The language that a person chose."""
        found = (self._preferences.get(person) or {}).get("language")
        return str(found) if found else None

    def switch_off(self, subscription: Subscription) -> None:
        """No more mail of that kind; safe to repeat. Of somebody who is not known any more (erased)
        nothing is kept, and nothing has to be."""
        if self._directory.find(subscription.person) is not None:
            self._preferences.switch_off(subscription.person, _CHANNEL, *subscription.kinds)


def _signed(subscription: Subscription) -> str:
    return f"{subscription.person}\n{subscription.kind}\n{_CHANNEL}"
