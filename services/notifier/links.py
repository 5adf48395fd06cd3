"""Where the links in messages lead."""

from services.notifier.domain.notices import Links
from services.notifier.noticing import LinkMaker
from services.notifier.unsubscribing import link_of
from shared.config import Settings
from shared.vault import Vault


def link_maker(settings: Settings, vault: Vault) -> LinkMaker:
    """Makes links from KUDOS_PUBLIC_URL; without it they lead to this machine."""
    suite = (settings.public_url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    preferences = f"{suite}/#preferences"

    def links(person: str, kind: str, channel: str) -> Links:
        # Chat has no one-click unsubscribe: what one set up there, one takes away there.
        is_mail = channel == "mail"
        unsubscribe = link_of(vault, suite, person, kind) if is_mail else preferences
        return Links(suite=suite, preferences=preferences, unsubscribe=unsubscribe)

    return links
