"""Fixtures of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.databases import SqliteTemplate, environ_for


@pytest.fixture
def console(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Console]:
    """The command line of an installation that is migrated and holds no clinic, on SQLite."""
    with sqlite_template.database() as url:
        yield Console(environ_for(url, tmp_path))


@pytest.fixture
def console_on_either(either_database: str, tmp_path: Path) -> Console:
    """The same, on SQLite and on PostgreSQL."""
    return Console(environ_for(either_database, tmp_path))


@pytest.fixture
def bare_console(tmp_path: Path) -> Console:
    """The command line of an installation without a database."""
    return Console(environ_for(f"sqlite:///{tmp_path}/dispatch.sqlite3", tmp_path))
