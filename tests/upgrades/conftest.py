"""A database without data that tests take from migration to migration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from shared.db import db
from shared.settings import from_environ
from shared.web import create_base
from tests.databases import environ_for


@pytest.fixture
def installation(either_database: str, tmp_path: Path) -> Iterator[Flask]:
    """An app on a migrated database without data, its context open."""
    app = create_base("jobs", from_environ(environ_for(either_database, tmp_path)))
    with app.app_context():
        yield app
        db.engine.dispose()
