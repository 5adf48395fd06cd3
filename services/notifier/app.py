"""The composition root of the notifier API."""

from flask import Flask
from pymongo.errors import PyMongoError

from services.notifier.admission import Admissions, make_authenticator
from services.notifier.api import (
    audit,
    deliveries,
    events,
    inbox,
    preferences,
    stream,
    unsubscribe,
    webhooks,
)
from services.notifier.sending import Resolver, resolve
from services.notifier.service import Service
from shared import mongo
from shared.config import Settings
from shared.mongo import Client
from shared.web.app import create_service_app

BLUEPRINTS = (
    inbox.blueprint,
    webhooks.blueprint,
    deliveries.blueprint,
    events.blueprint,
    unsubscribe.blueprint,
    stream.blueprint,
    preferences.blueprint,
    audit.blueprint,
)


def create_app(
    settings: Settings, client: Client | None = None, *, resolver: Resolver = resolve
) -> Flask:
    """The WSGI application; call it after the process has forked.

    Without a `client` it connects to `settings.mongo_uri`. `resolver` finds the addresses of new
    endpoints. Raises ConfigError when the database cannot be used.
    """
    if client is None:
        assert settings.mongo_uri is not None
        client = mongo.connect(settings.mongo_uri, "kudos-notifier")
        mongo.require_transactions(client)
    service = Service(settings, client, resolver)
    service.ensure_indexes()
    authenticator = make_authenticator(settings, service.repository)
    app = create_service_app(
        "notifier",
        "Kudos: notifier",
        settings,
        BLUEPRINTS,
        authenticator=authenticator,
        readiness=lambda: _unready(client),
        description="Who should know, knows, once: inboxes for people, webhooks for systems.",
    )
    app.extensions["notifier"] = service
    app.extensions["admissions"] = Admissions(service.repository, authenticator)
    return app


def _unready(client: Client) -> list[str]:
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        return [f"MongoDB does not answer: {str(error).partition(',')[0]}"]
    return []
