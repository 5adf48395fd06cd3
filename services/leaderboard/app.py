"""The composition root of the leaderboard API."""

from flask import Flask
from pymongo.errors import PyMongoError

from services.leaderboard.api import boards, milestones, people, trends
from services.leaderboard.boards import Boards
from services.leaderboard.milestones.pages import MilestonePages
from services.leaderboard.repository import ensure_indexes
from services.leaderboard.trends import Trends
from shared import mongo
from shared.auth.authenticator import Authenticator
from shared.auth.tokens import JwtVerifier
from shared.config import Settings
from shared.erased import Erased, inactive_when_erased
from shared.key_uses import KeyUses, UntoldUses
from shared.mongo import Client
from shared.web.app import create_service_app

BLUEPRINTS = (boards.blueprint, people.blueprint, milestones.blueprint, trends.blueprint)


def create_app(settings: Settings, client: Client | None = None) -> Flask:
    """The WSGI application; call it after the process has forked.

    Without a `client` it connects to `settings.mongo_uri`. Raises ConfigError when the database
    cannot be used.
    """
    if client is None:
        assert settings.mongo_uri is not None
        client = mongo.connect(settings.mongo_uri, "kudos-leaderboard")
        mongo.require_transactions(client)
    db = client[settings.database("leaderboard")]
    ensure_indexes(db)
    directory, keys = db["directory"], db["api_keys"]
    app = create_service_app(
        "leaderboard",
        "Kudos: leaderboard",
        settings,
        BLUEPRINTS,
        authenticator=Authenticator(
            settings,
            JwtVerifier(settings),
            find_entry=inactive_when_erased(
                lambda ref: directory.find_one({"_id": ref}), Erased(db)
            ),
            find_by_email=lambda address: directory.find_one({"email_key": address.casefold()}),
            find_key=lambda identifier: keys.find_one({"_id": identifier}),
            note_use=KeyUses(UntoldUses(db).note).note,
        ),
        readiness=lambda: _unready(client),
        description="Boards of thanks given and received, by calendar period.",
    )
    app.extensions["leaderboard"] = Boards(settings, client)
    app.extensions["trends"] = Trends(settings, client)
    app.extensions["milestones"] = MilestonePages(settings, client)
    return app


def _unready(client: Client) -> list[str]:
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        return [f"MongoDB does not answer: {str(error).partition(',')[0]}"]
    return []
