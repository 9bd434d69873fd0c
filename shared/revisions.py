"""Which migration a database is at, seen from those that this program knows."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from shared.db import sqlite_file


class Standing(StrEnum):
    """How far a database has been migrated. ONE_BEHIND lacks the newest migration alone, which the program never needs:
    old and new processes may overlap. UNKNOWN: by another program, most likely a newer one of ours."""

    EMPTY = "empty"
    BEHIND = "behind"
    ONE_BEHIND = "one_behind"
    HEAD = "head"
    UNKNOWN = "unknown"

    @property
    def is_usable(self) -> bool:
        """Whether this program can do all its work on such a database."""
        return self in {Standing.HEAD, Standing.ONE_BEHIND}


def standing(engine: Engine) -> Standing:
    """Look at the database. Raises SQLAlchemy's DBAPIError."""
    heads = heads_of(engine)
    return Standing.EMPTY if not heads else standing_of(heads)


def heads_of(engine: Engine) -> tuple[str, ...]:
    """What stands in the database's own record; nothing if there is none. A SQLite file that is missing stays so."""
    file = sqlite_file(engine)
    if file is not None and not file.exists():
        return ()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_heads()


def standing_of(heads: tuple[str, ...]) -> Standing:
    """The same, of what stands in the database's own record."""
    if heads == (head(),):
        return Standing.HEAD
    if heads == (one_behind_head(),):
        return Standing.ONE_BEHIND
    return Standing.BEHIND if len(heads) == 1 and _is_known(heads[0]) else Standing.UNKNOWN


def head() -> str:
    """The newest migration of this program."""
    newest = _scripts().get_current_head()
    assert newest is not None
    return newest


def one_behind_head() -> str:
    """The migration before the newest."""
    before = _scripts().get_revision(head()).down_revision
    assert isinstance(before, str)
    return before


def _is_known(revision: str) -> bool:
    try:
        return _scripts().get_revision(revision).revision == revision
    except CommandError:
        return False


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
