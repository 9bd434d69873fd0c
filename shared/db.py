"""The database: the declarative base, the column types that keep instants honest, and the two kinds of session."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum as PythonEnum
from pathlib import Path
from typing import Annotated, Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    event,
)
from sqlalchemy import text as text_of
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON", "secure_delete=ON")
"""FULL because people are told "accepted": an answer must survive a power cut. What is removed is overwritten."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, to the microsecond. SQLite stores text of one width, which sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values: a wall time without its zone is not an instant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("An instant must be aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Always aware UTC, whatever zone the connection speaks."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")
Pk = Annotated[int, mapped_column(BigId, primary_key=True)]


class Base(DeclarativeBase):
    """Tables and constraints of the whole product, with names that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant(), int: BigId}  # noqa: RUF012 - SQLAlchemy's own attribute


def choice(kind: type[PythonEnum]) -> Enum:
    """An enum column: text with a check, the same on both databases."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        name=name,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


def text(length: int) -> String:
    """A bounded text column; lengths are in characters."""
    return String(length)


db = SQLAlchemy(metadata=Base.metadata)


@contextmanager
def transaction() -> Iterator[Session]:
    """One write transaction, committed at the end of the block, rolled back when it raises.

    On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a read that is upgraded later fails with "database
    is locked" however long one waits. On PostgreSQL rows are locked by the actions themselves.
    """
    with Session(db.engine.execution_options(write=True), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """One read-only look at the database, closed at the end of the block, so that no page holds a snapshot open."""
    with Session(db.engine) as session:
        yield session


@contextmanager
def searching() -> Iterator[Session]:
    """The same, for statements whose best plan depends on the values in them.

    PostgreSQL keeps one plan for all values once a connection has sent a statement some ten times; what it kept for
    searches took up to three times as long as a plan of their own, and a new plan takes a millisecond.
    """
    with reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text_of("SET LOCAL plan_cache_mode = force_custom_plan"))
        yield session


def sqlite_file(engine: Engine) -> Path | None:
    """The file of a SQLite database, whether it exists yet or not; None on PostgreSQL."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name else None


def empty_log(engine: Engine) -> None:
    """Bring what SQLite has written into the database's file and empty the log beside it, where text that was removed
    stands until it is written over. Waits for nobody: while somebody reads or writes, it is left for the next time."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA busy_timeout=0")
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.cursor().execute("PRAGMA busy_timeout=5000")
        connection.close()


def _keep_values_out(context: ExceptionContext) -> None:
    """PostgreSQL repeats the row that it refused, patient and all, behind the first line of its message: that line
    alone goes on into logs."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def prepare_engine(engine: Engine) -> None:
    """Give SQLite connections their pragmas and leave BEGIN to us; keep values out of what either says of an error."""
    event.listen(engine, "handle_error", _keep_values_out)
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")
