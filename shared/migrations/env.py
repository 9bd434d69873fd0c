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


with db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=compare_type,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
