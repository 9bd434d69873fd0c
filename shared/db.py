"""The database: the declarative base, the column types that keep instants honest, and the two kinds of session."""

import re
import select
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum as PythonEnum
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from flask import g
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
    make_url,
)
from sqlalchemy import text as text_of
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from shared.errors import CommitInDoubtError

SQLITE_WAIT_SECONDS = 5.0
"""How long somebody waits for others to be done with a SQLite database."""

SQLITE_LOOK_SECONDS = 0.001
"""How long the one whose turn it is waits from look to look."""

SQLITE_PATIENCE = f"busy_timeout={SQLITE_WAIT_SECONDS * 1000:.0f}"
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", SQLITE_PATIENCE, "foreign_keys=ON", "secure_delete=ON")
"""FULL because people are told "accepted": an answer must survive a power cut. What is removed is overwritten."""

POSTGRESQL_LIMITS = ("lock_timeout = '10s'", "statement_timeout = '30s'", "idle_in_transaction_session_timeout = '60s'")
"""Nobody waits longer for a lock than a person does for a page, and a client that is gone holds none for ever."""

POSTGRESQL_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, the last in milliseconds: a server that falls silent is found out. DATABASE_URL may say otherwise."""

POOL_WAIT_SECONDS = 10

SQLITE_FAULTS = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 23, 26})
"""SQLite's codes for what befalls a database: no permission, busy, locked, no memory, read-only, interrupted, disk
error, damaged, full, can't be opened, lock protocol, forbidden, no database. Any other code is a wrong statement."""

POSTGRESQL_FAULTS = frozenset({"25006", "25P03", "42P01", "42703"})
"""Read-only, idle for too long, no such table or column (not migrated yet): what the driver does not count among the
server's troubles."""


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
    is locked" however long one waits. On PostgreSQL rows are locked by the actions themselves. Afterwards
    ``g.has_committed`` is set. Raises CommitInDoubtError if the answer to COMMIT was lost on its way.
    """
    with Session(db.engine.execution_options(write=True), expire_on_commit=False) as session, session.begin():
        yield session
        session.flush()
        try:
            session.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise CommitInDoubtError from error
            raise
    g.has_committed = True


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
        connection.cursor().execute(f"PRAGMA {SQLITE_PATIENCE}")
        connection.close()


def _keep_values_out(context: ExceptionContext) -> None:
    """PostgreSQL repeats the row that it refused, patient and all, behind the first line of its message: that line
    alone goes on into logs."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


DATABASE_ERRORS = (SQLAlchemyError, CommitInDoubtError)
"""What a use of the database can raise; ``database_fault`` tells its own troubles from bugs."""


def database_fault(error: BaseException) -> str:
    """What keeps the database from doing its work, by the short name that its driver has for it; empty for an error
    that is no fault of the database but a bug."""
    if isinstance(error, CommitInDoubtError):
        return "connection lost in COMMIT"
    if isinstance(error, PoolTimeoutError):
        return "no free connection"
    if isinstance(error, PendingRollbackError):
        return "connection lost" if error.code == "8s2b" else ""
    if not isinstance(error, DBAPIError):
        return ""
    driver = error.orig
    if isinstance(driver, sqlite3.Error):
        is_fault = getattr(driver, "sqlite_errorcode", 0) & 0xFF in SQLITE_FAULTS
        lacks_table = str(driver).startswith(("no such table", "no such column"))  # not migrated yet
        return driver.sqlite_errorname if is_fault or lacks_table else ""
    state = getattr(driver, "sqlstate", None)
    is_fault = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return f"{type(driver).__name__} {state or ''}".strip() if is_fault or state in POSTGRESQL_FAULTS else ""


def engine_options(url: str) -> dict[str, Any]:
    """How an engine is made. Errors never show a statement's values: these are patients' names and addresses."""
    options: dict[str, Any] = {"hide_parameters": True, "pool_timeout": POOL_WAIT_SECONDS}
    if not url.startswith("sqlite"):
        told = make_url(url).query
        options["connect_args"] = {name: value for name, value in POSTGRESQL_NETWORK.items() if name not in told}
    return options


def prepare_engine(engine: Engine) -> None:
    """Give connections their limits; on SQLite leave BEGIN to us, on PostgreSQL use no connection that was hung up.
    Keep values out of what either says of an error."""
    event.listen(engine, "handle_error", _keep_values_out)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgresql(engine)


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_limits(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.execute("; ".join(f"SET {limit}" for limit in POSTGRESQL_LIMITS))
        dbapi_connection.commit()

    @event.listens_for(engine, "checkout")
    def is_still_open(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
        """An idle connection on which something can be read was closed by the server: a look without a round trip."""
        poll = select.poll()
        poll.register(dbapi_connection.fileno(), select.POLLIN)
        if poll.poll(0):
            raise DisconnectionError


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            dbapi_connection.execute(f"PRAGMA {pragma}")

    turn = _turns[str(engine.url.database)]

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("write"):
            _begin_in_turn(connection, turn)
        else:
            connection.exec_driver_sql("BEGIN")


_turns: defaultdict[str, Lock] = defaultdict(Lock)
"""By file: held by the thread of this process that looks whether it may write."""


def _begin_in_turn(connection: Connection, turn: Lock) -> None:
    """Begin a write transaction on SQLite once those that came before are done.

    SQLite's own waiting is unfair: it looks less and less often, ten times a second in the end, so that in a crowd
    newcomers were served while those who had waited for five seconds were told that the database is locked. Here one
    thread of a process looks, a thousand times a second, and the others queue behind it.
    """
    until = time.monotonic() + SQLITE_WAIT_SECONDS
    has_turn = turn.acquire(timeout=SQLITE_WAIT_SECONDS)
    try:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        while not (has_begun := _try_to_begin(connection)) and has_turn and time.monotonic() < until:
            time.sleep(SQLITE_LOOK_SECONDS)
        if not has_begun:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        if has_turn:
            turn.release()
        connection.exec_driver_sql(f"PRAGMA {SQLITE_PATIENCE}")


def _try_to_begin(connection: Connection) -> bool:
    """Whether nobody else was writing. By the driver alone: this is asked often."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails likewise, in SQLAlchemy's words
    return True
