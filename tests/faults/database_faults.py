"""What can befall a database while the product works on it. Each is a block: afterwards all is well again."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from shared.db import db
from tests.world import World

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def engines(world: World) -> list[Engine]:
    """The engines of both portals and the jobs."""
    found = []
    for app in (world.portal, world.vendor_portal, world.jobs):
        with app.app_context():
            found.append(db.engine)
    return found


def file_of(world: World) -> Path:
    return Path(world.settings.database_url.removeprefix("sqlite:///"))


def is_sqlite(world: World) -> bool:
    return world.settings.database_url.startswith("sqlite")


def address_of(world: World) -> str:
    """The PostgreSQL database's address as its own tools take it."""
    return world.settings.database_url.replace("+psycopg", "")


@contextmanager
def listening(world: World, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Listen to an event of all engines, on connections made from here on; drop these afterwards."""
    with ExitStack() as stack:
        for engine in engines(world):
            engine.dispose()
            event.listen(engine, name, listener)
            stack.callback(engine.dispose)
            stack.callback(event.remove, engine, name, listener)
        yield


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Another process writes and does not come to an end."""
    command = [sys.executable, "-c", HOLDER, str(file_of(world))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        process.communicate(timeout=10)


@contextmanager
def away(world: World) -> Iterator[None]:
    """The folder of the SQLite file is not there: a disk that is not mounted."""
    folder = file_of(world).parent
    hidden = folder.rename(folder.with_name(folder.name + "-away"))
    world.close()
    try:
        yield
    finally:
        hidden.rename(folder)


@contextmanager
def row_locked(world: World) -> Iterator[None]:
    """The same on PostgreSQL: another client holds all rows that anybody locks first."""
    with psycopg.connect(address_of(world)) as connection:
        connection.execute("LOCK TABLE clinic, request IN EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def read_only(world: World) -> Iterator[None]:
    """The database can be read and not written to: a standby, or a disk that was mounted so after an error."""
    if is_sqlite(world):

        def set_read_only(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA query_only = ON")

        with listening(world, "connect", set_read_only):
            yield
        return
    with psycopg.connect(address_of(world), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        hang_up(connection)
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            hang_up(connection)


@contextmanager
def disk_full(folder: Path) -> Iterator[None]:
    """Not a byte is left on the disk of this folder."""
    filling = folder / "filling"
    file = os.open(filling, os.O_CREAT | os.O_WRONLY)
    try:
        for size in (65536, 4096, 1):
            while _is_written(file, size):
                pass
        yield
    finally:
        os.close(file)
        filling.unlink()


def _is_written(file: int, size: int) -> bool:
    try:
        return os.write(file, b"\0" * size) == size
    except OSError:
        return False


@contextmanager
def mounted(folder: Path, *, megabytes: int, user: str | None = None) -> Iterator[Path]:
    """A small disk of its own, in memory. Root mounts it; anybody else in a namespace of their own, through which
    the kernel leads whoever opens its files by the path given."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=700"
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        if user:
            shutil.chown(folder, user)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
        return
    script = f"mount -t tmpfs -o {options} tmpfs '{folder}' && echo mounted && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"mounted\n", "this needs root, or user namespaces for everybody"
    try:
        yield Path(f"/proc/{process.pid}/root{folder}")
    finally:
        process.communicate(timeout=10)


@contextmanager
def sqlite_full(world: World) -> Iterator[None]:
    """SQLite may not grow by a page: how it says that a disk is full, on a machine where none can be mounted."""

    def set_limit(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with listening(world, "connect", set_limit):
        yield


def hang_up(connection: psycopg.Connection) -> None:
    """End every other connection to the database, and wait until they are gone."""
    others = (
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    connection.execute(f"SELECT pg_terminate_backend(pid) {others}")
    until = time.monotonic() + 10
    while connection.execute(f"SELECT count(*) {others}").fetchone() != (0,):
        assert time.monotonic() < until
        time.sleep(0.005)


class Cut:
    """Hangs up at one statement, counted from 0 over all that the apps send."""

    def __init__(self, world: World, at: int) -> None:
        self._world = world
        self._left = at
        self.happened = False

    def listen(self, *_arguments: Any) -> None:
        """Before a statement is sent."""
        if self._left == 0:
            self.happened = True
            with psycopg.connect(address_of(self._world), autocommit=True) as connection:
                hang_up(connection)
        self._left -= 1


@contextmanager
def cut_at(world: World, number: int, *, moment: str = "before_cursor_execute") -> Iterator[Cut]:
    """All connections are cut right before the n-th statement, or the n-th COMMIT (``moment`` "commit")."""
    cut = Cut(world, number)
    with ExitStack() as stack:
        for engine in engines(world):
            event.listen(engine, moment, cut.listen)
            stack.callback(event.remove, engine, moment, cut.listen)
        yield cut


@contextmanager
def cut_after_commit(world: World) -> Iterator[None]:
    """The first statement after a commit meets no server."""
    seen: list[str] = []

    def note(*_arguments: Any) -> None:
        seen.append("commit")

    def cut(*_arguments: Any) -> None:
        if seen == ["commit"]:
            seen.append("cut")
            with psycopg.connect(address_of(world), autocommit=True) as connection:
                hang_up(connection)

    with ExitStack() as stack:
        for engine in engines(world):
            for moment, listener in (("commit", note), ("before_cursor_execute", cut)):
                event.listen(engine, moment, listener)
                stack.callback(event.remove, engine, moment, listener)
        yield
    assert seen[-1] == "cut"
