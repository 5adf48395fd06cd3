"""The settings of commands that work on the server itself, beside the suite's processes."""

import dataclasses

from shared.config import ConfigError, Settings, load_settings


def server_settings() -> Settings:
    """The settings, with the database of the suite that runs on KUDOS_DATA when none is named.

    Raises ConfigError when there is neither.
    """
    settings = load_settings()
    if settings.mongo_uri:
        return settings
    from deploy.embedded.folder import running_suite

    suite = running_suite(settings.data)
    if suite is None:
        raise ConfigError(
            f"no suite runs on {settings.data.absolute()}: start it with `kudos up`, or name its "
            "database in KUDOS_MONGO_URI"
        )
    return dataclasses.replace(settings, mongo_uri=suite.mongo_uri)
