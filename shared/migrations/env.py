"""Runs migrations on the app's own engine, with its pragmas and its settings."""

from typing import Any

import sqlalchemy as sa
from alembic import context

import shared.models  # noqa: F401 - registers all tables
from shared.db import Base, Instant, db


def render_item(kind: str, item: object, _autogen: object) -> str | bool:
    """Write our column types as what they are in the database, so that migrations don't depend on the code."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.BigInteger):
        return "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"
    return False


def compare_type(_context: Any, _inspected: Any, _metadata: Any, _database_type: Any, model_type: Any) -> bool | None:
    """SQLite tells little about types; ours are compared on PostgreSQL only."""
    return False if isinstance(model_type, sa.JSON | sa.Enum) else None


def set_foreign_keys(connection: sa.Connection, state: str) -> None:
    """SQLite builds a table anew by dropping the old one, which its foreign keys forbid. Only between transactions."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={state}")


def check_foreign_keys(connection: sa.Connection) -> None:
    """What was not watched meanwhile must hold before it is committed."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"A migration broke references: {broken[:5]}")


def lift_time_limit(connection: sa.Connection) -> None:
    """A large table takes its time. For locks a migration waits no longer than others do: all wait behind it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


with db.engine.connect() as connection:
    set_foreign_keys(connection, "OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=compare_type,
    )
    with context.begin_transaction():
        lift_time_limit(connection)
        context.run_migrations()
        check_foreign_keys(connection)
    connection.commit()
    set_foreign_keys(connection, "ON")
