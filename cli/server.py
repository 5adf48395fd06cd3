"""The settings of commands that work on the server itself, beside the suite's processes."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from shared.config import ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from shared.mongo import Client


def server_settings() -> Settings:
    """The settings, with what reaches the suite that runs on KUDOS_DATA when no database is named.

    Raises ConfigError when there is neither.
    """
    settings = load_settings()
    if settings.mongo_uri:
        return settings
    from deploy.embedded.folder import nudges_of, running_suite
    from deploy.embedded.secret_keys import known_secret_keys
    from shared.secret_keys import parse_key

    suite = running_suite(settings.data)
    if suite is None:
        raise ConfigError(
            f"no suite runs on {settings.data.absolute()}: start it with `kudos up`, or name its "
            "database in KUDOS_MONGO_URI"
        )
    nudges = settings.nudges or nudges_of(settings.data)
    keys = settings.secret_keys
    if not keys and (known := known_secret_keys(settings.data)):
        keys = tuple(parse_key(text) for text in known.split(","))
    return dataclasses.replace(
        settings,
        mongo_uri=suite.mongo_uri,
        nudges=nudges,
        timezone=suite.timezone,
        secret_keys=keys,
    )


@contextmanager
def server_database(purpose: str) -> "Iterator[tuple[Settings, Client]]":
    """The settings and a client for their database, which the block works on.

    Raises ConfigError when it cannot be used at all, and ClickException, one line, when it fails
    within the block.
    """
    from pymongo.errors import PyMongoError

    from shared.mongo import connect, require_transactions

    settings = server_settings()
    assert settings.mongo_uri
    with connect(settings.mongo_uri, purpose) as client:
        require_transactions(client)
        try:
            yield settings, client
        except PyMongoError as error:
            reason = str(error).partition(", full error")[0]
            raise click.ClickException(f"the database failed, try again: {reason}") from None
