"""`kudos up`."""

import click

from shared.config import load_settings


@click.command()
def up() -> None:
    """Start the whole suite on this machine; Ctrl-C stops it.

    Everything it keeps is in the folder KUDOS_DATA (./.kudos). With KUDOS_MONGO_URI, and with
    KUDOS_EVENT_LOG=kafka and KUDOS_KAFKA_BOOTSTRAP, it runs on real servers.

    \b
    Example:
      KUDOS_PORT=9000 kudos up
    """
    from deploy.embedded import launcher

    launcher.run(load_settings())
