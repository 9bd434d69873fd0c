"""More processes than the world's own, on the same database."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

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
