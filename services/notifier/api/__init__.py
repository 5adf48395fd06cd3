"""The HTTP interface of the notifier: one module per feature."""

from flask import current_app

from services.notifier.service import Service


def service() -> Service:
    """The features of the application that answers the present request."""
    found: Service = current_app.extensions["notifier"]
    return found
