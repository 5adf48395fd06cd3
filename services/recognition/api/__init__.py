"""The HTTP interface of the recognition service: one module per feature."""

from flask import current_app

from services.recognition.service import Service


def service() -> Service:
    """The features of the application that answers the present request."""
    found: Service = current_app.extensions["recognition"]
    return found
