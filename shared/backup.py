"""Copies of a SQLite database while everybody is at work, and the way back. PostgreSQL has tools of its own."""

import fcntl
import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.errors import DomainError
from shared.revisions import Standing, standing_of

PATIENCE_SECONDS = 10.0
"""How long a copy waits for a lock that others hold."""

SHORT_PATIENCE_SECONDS = 1.0
"""How long to wait for the others to let go of the database: they are stopped, or they are not."""

OUR_TABLES = frozenset({"clinic", "user_account", "company", "visit", "request", "invite", "mail", "audit_entry"})
"""What every version of the product has: enough to tell its database from any other."""

SIDE_FILES = ("-wal", "-journal")
"""What SQLite keeps beside a database that was not closed well, and would play into whatever took its name."""

LOCK_BYTES = (512, 0x4000_0000)
"""Length and place of the bytes on which every SQLite connection holds its locks."""

HEADER = b"SQLite format 3\0"
"""How every SQLite database begins."""

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class BackupError(DomainError):
    """A copy that can't be made or must not be used, with a sentence that says why and what to do."""


class DamagedError(BackupError):
    """A database file that SQLite can't read, and how it is damaged."""

    def __init__(self, how: str) -> None:
        super().__init__(
            f"The database is damaged: {how}. Keep the backups you have; restore the newest that is whole."
        )
        self.how = how


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds. ``until`` is its newest line of the trail: what happened later is not in it."""

    standing: Standing
    clinics: int
    visits: int
    pending_requests: int
    queued_mails: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in place now, and where the database that was there before is kept."""

    contents: Contents
    set_aside: Path | None


def backup(database: Path, target: Path, *, force: bool = False) -> Contents:
    """Copy one instant of the database into a file that only its owner may read, verified before it gets its name.

    Writers don't wait and are not waited for. A file that exists is replaced with ``force`` only. Raises BackupError.
    """
    if not database.exists():
        raise BackupError(f"There is no database at {database}.")
    if target.exists() and target.samefile(database):
        raise BackupError(f"{target} is the database itself. Choose another name.")
    if target.exists() and not force:
        raise BackupError(f"{target} exists already. Choose another name, or use --force to replace it.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}. Make it first, for its owner alone.")
    with _said_plainly(), _part_of(target) as part:
        _copy(database, part, mode="rw")
        contents = verify(part)
        _sync(part)
        _give_name(part, target, force=force)
        _sync(target.parent)
    return contents


def restore(source: Path, database: Path, *, now: datetime) -> Restored:
    """Put a copy in the database's place, verified there first; the database that was there is kept under a dated name.

    Nobody else may have the database open: a process that kept it open would go on writing to the file set aside.
    Raises BackupError, and then nothing has changed.
    """
    if not source.is_file():
        raise BackupError(f"There is no file at {source}.")
    if database.exists() and source.samefile(database):
        raise BackupError(f"{source} is the database itself.")
    with _said_plainly(), _part_of(database) as part:
        try:
            _copy(source, part, mode="ro")
            contents = verify(part)
        except DamagedError as error:
            raise BackupError(f"{source} is damaged: {error.how}. Nothing was changed. Use another backup.") from error
        _take_owner(part, database)
        _sync(part)
        with _alone_with(database):
            set_aside = _set_aside(database, now)
            part.replace(database)
        _sync(database.parent)
    return Restored(contents, set_aside)


def verify(file: Path) -> Contents:
    """Read all of a copy, check all its pages and references, and say what it holds. Raises BackupError."""
    with closing(_connect(file, "ro")) as copy:
        try:
            faults = [row[0] for row in copy.execute("PRAGMA integrity_check(3)")]
            if faults != ["ok"]:
                raise DamagedError(faults[0])
            tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables >= OUR_TABLES | {"alembic_version"}:
                raise BackupError("This is no database of Interpreter Dispatch.")
            broken = copy.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                raise DamagedError(f"table {broken[0]} refers to rows that are missing")
            return _contents(copy)
        except sqlite3.DatabaseError as error:
            if _code(error) in DAMAGED:
                raise DamagedError(str(error)) from error
            raise


def _contents(copy: sqlite3.Connection) -> Contents:
    heads = tuple(row[0] for row in copy.execute("SELECT version_num FROM alembic_version"))
    standing = standing_of(heads)
    if standing is Standing.UNKNOWN:
        raise BackupError("The database was made by another version of the program. Install that one first.")
    clinics, visits, pending, queued, until = copy.execute(
        "SELECT (SELECT count(*) FROM clinic), (SELECT count(*) FROM visit),"
        " (SELECT count(*) FROM request WHERE state = 'pending'),"
        " (SELECT count(*) FROM mail WHERE state = 'queued'), (SELECT max(at) FROM audit_entry)"
    ).fetchone()
    newest = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    return Contents(standing, clinics, visits, pending, queued, newest)


def _copy(source: Path, part: Path, *, mode: str) -> None:
    """Copy all pages in one step, out of one read transaction: in steps without one it begins anew at every write."""
    with (
        closing(_connect(source, mode)) as database,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
    ):
        try:
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM sqlite_master")  # here the instant is taken
        except sqlite3.DatabaseError as error:
            if _code(error) in DAMAGED:
                raise DamagedError(str(error)) from error
            raise
        database.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file that needs none beside it


def _connect(file: Path, mode: str, *, patience: float = PATIENCE_SECONDS) -> sqlite3.Connection:
    """Open a file that exists. ``mode``: rw or ro."""
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=patience, isolation_level=None)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Tell people what disk and database have against it."""
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"SQLite refuses: {error}. Nothing was changed.") from error
    except OSError as error:
        raise BackupError(f"{error.strerror}: {error.filename}. Nothing was changed.") from error


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """An empty file beside the target that only its owner may read; gone at the end unless it got another name."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
    finally:
        for suffix in ("", *SIDE_FILES):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_name(part: Path, target: Path, *, force: bool) -> None:
    """Rename at once, also over another file if forced. A second backup of that name meanwhile is not overwritten."""
    if force:
        part.replace(target)
        return
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise BackupError(f"{target} has come into being meanwhile. Choose another name.") from None
    except OSError:  # a file system without second names
        part.rename(target)


def _take_owner(part: Path, database: Path) -> None:
    """The owner and mode of the file it replaces, else its folder's owner: root restores what a service opens."""
    pattern = database if database.exists() else database.parent
    found = pattern.stat()
    if os.geteuid() == 0:
        os.chown(part, found.st_uid, found.st_gid)
    if pattern is database:
        part.chmod(stat.S_IMODE(found.st_mode))


@contextmanager
def _alone_with(database: Path) -> Iterator[None]:
    """Hold the database so that no other process has it open. Raises BackupError while one has.

    In WAL mode every connection holds a lock for as long as it is open, so SQLite leaves that mode only for somebody
    who is alone. A process that opens the file in this very moment finds it outside WAL mode and under another name,
    and SQLite refuses to write to it.
    """
    if not database.exists():
        yield
        return
    if not _begins_well(database):  # SQLite would throw away what is beside it
        with _bytes_locked(database):
            yield
        return
    with closing(_connect(database, "rw", patience=SHORT_PATIENCE_SECONDS)) as alone:
        try:
            alone.execute("PRAGMA journal_mode=DELETE")
            alone.execute("BEGIN EXCLUSIVE")
            if alone.execute("PRAGMA journal_mode").fetchone() != ("delete",):
                raise _in_use()  # somebody came in between
        except sqlite3.DatabaseError as error:
            if _code(error) in HELD:
                raise _in_use() from error
            if _code(error) not in DAMAGED:
                raise
        else:
            yield
            return
    with _bytes_locked(database):
        yield


def _begins_well(database: Path) -> bool:
    with database.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


@contextmanager
def _bytes_locked(database: Path) -> Iterator[None]:
    """The same for a file that SQLite can't read any more: its locks are on the file, not in it."""
    with database.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, *LOCK_BYTES)
        except (BlockingIOError, PermissionError) as error:
            raise _in_use() from error
        yield


def _in_use() -> BackupError:
    return BackupError("Another process has the database open. Stop both portals and the jobs, then restore again.")


def _set_aside(database: Path, now: datetime) -> Path | None:
    """Keep the old database, and what belongs to it, under a dated name. The old name stays until it is taken over."""
    aside = database.with_name(f"{database.name}.replaced-{now:%Y%m%d-%H%M%S}")
    for suffix in SIDE_FILES:
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    database.with_name(database.name + "-shm").unlink(missing_ok=True)
    if not database.exists():
        return None
    try:
        aside.hardlink_to(database)
    except FileExistsError:
        raise BackupError(f"{aside} exists already. Wait a second, then restore again.") from None
    except OSError:  # a file system without second names
        database.rename(aside)
    return aside
