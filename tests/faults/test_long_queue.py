"""Many who write to a SQLite database at once: everybody's turn comes, those who have waited longest first."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from shared.db import _turns, db, transaction
from shared.web import create_base
from tests.databases import SqliteTemplate
from tests.world import build_world

WRITERS = 24
ROUNDS = 50
WRITING_SECONDS = 0.002


@pytest.fixture
def app(sqlite_template: SqliteTemplate) -> Iterator[Flask]:
    """An app on a database of its own, whose threads wait for a second at most."""
    with sqlite_template.database() as url, build_world(url) as world, pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.db.SQLITE_WAIT_SECONDS", 1.0)
        patch.setattr("shared.db.SQLITE_PRAGMAS", ("journal_mode=WAL", "busy_timeout=1000"))
        made = create_base("writer", world.settings)
        yield made
        with made.app_context():
            db.engine.dispose()


def rename_nobody() -> None:
    """One transaction that writes."""
    with transaction() as session:
        session.execute(text("UPDATE clinic SET name = name"))
        time.sleep(WRITING_SECONDS)


def write(app: Flask) -> None:
    """Write again and again, without a pause between two transactions."""
    for _ in range(ROUNDS):
        with app.app_context():
            rename_nobody()


def test_among_many_who_write_all_the_time_nobody_waits_until_it_is_given_up(app: Flask) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(write, app) for _ in range(WRITERS)]:
            done.result()


def test_whose_connection_fails_in_its_turn_holds_up_nobody_after_it(app: Flask) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.db.SQLITE_PATIENCE", "no such setting (")
        with pytest.raises(OperationalError), app.app_context():
            rename_nobody()

    with app.app_context():
        rename_nobody()
    assert not any(turn.locked() for turn in _turns.values())
