"""Browsers at addresses of their own, and more processes than the world's on the same database."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.testing import FlaskClient

from portal import create_portal
from shared.db import db
from shared.settings import Settings
from tests.web.checks import CheckedClient


@contextmanager
def another_portal(settings: Settings) -> Iterator[Flask]:
    """The clinic's app as another process would have it."""
    app = create_portal(settings)
    app.test_client_class = CheckedClient
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def browser(app: Flask, address: str) -> FlaskClient:
    """A browser without cookies, at an address."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client
