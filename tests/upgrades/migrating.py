"""Moves a test's database from migration to migration, and reads what it holds whatever its tables look like."""

from collections.abc import Mapping, Sequence
from typing import Any

import flask_migrate
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import MetaData, Table, select

from shared.db import db, sqlite_file

RELEASED = "0004"
"""The newest migration of the last release: from the next one on, every migration is additive."""

GUARDED = "0009"
"""From here on the database knows of second factors, displays, tries that were made, and what was removed."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of each table, in the order of its key."""


def revisions_since_release(app: Flask) -> list[str]:
    """The migrations that came after the last release, oldest first."""
    script = ScriptDirectory(app.extensions["migrate"].directory)
    return [found.revision for found in script.iterate_revisions("head", RELEASED)][::-1]


def go_up(revision: str = "head") -> None:
    """Inside an app's context."""
    db.engine.dispose()
    flask_migrate.upgrade(revision=revision)


def go_down(revision: str) -> None:
    """Inside an app's context."""
    db.engine.dispose()
    flask_migrate.downgrade(revision=revision)


def wipe() -> None:
    """Back to a database without tables. Inside an app's context."""
    db.engine.dispose()
    file = sqlite_file(db.engine)
    if file is not None:
        for name in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            name.unlink(missing_ok=True)
        return
    with db.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    db.engine.dispose()


def read_rows() -> Rows:
    """Everything the database holds but which migration it is at."""
    found = MetaData()
    found.reflect(db.engine)
    with db.engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in found.sorted_tables
            if table.name != "alembic_version"
        }


def common(one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """Both, in the tables and columns that both have."""
    return _like(one, other), _like(other, one)


def _like(rows: Rows, others: Rows) -> Rows:
    columns = {name: set(others[name][0]) for name in others if others[name]}
    return {
        name: [{key: value for key, value in row.items() if key in columns.get(name, row)} for row in rows[name]]
        for name in rows.keys() & others.keys()
    }


def write_rows(rows: Rows) -> None:
    """Insert rows with the columns that they have and no other, as a program does that knows no more columns."""
    found = MetaData()
    found.reflect(db.engine)
    with db.engine.begin() as connection:
        for table in found.sorted_tables:
            if rows.get(table.name):
                _insert(connection, table, rows[table.name])


def _insert(connection: Any, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(table.insert(), [dict(row) for row in rows])
    if connection.dialect.name == "postgresql" and "id" in table.columns:
        numbers = f"pg_get_serial_sequence('{table.name}', 'id')"
        connection.exec_driver_sql(f"SELECT setval({numbers}, (SELECT max(id) FROM {table.name}))")
