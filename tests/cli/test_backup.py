"""backup and restore on files: what is refused, what is kept, and that the way back works."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import flask_migrate
import pytest

from shared import backup as copies
from shared import clock
from shared.db import db, reading
from shared.models import Visit
from shared.settings import from_environ
from shared.states import MailState
from shared.web import create_base
from tests.actions.desk import snapshot
from tests.cli.console import Console, console_of
from tests.databases import PostgresTemplate, environ_for
from tests.world import START, World

OPEN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
print("asks", flush=True)
try:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE clinic SET name = name")
    print("wrote", flush=True)
except sqlite3.Error as error:
    print(error, flush=True)
sys.stdin.read()
"""
"""Another process that opens a database as the product does, writes, and keeps it open."""


def file_of(world: World) -> Path:
    return Path(world.settings.database_url.removeprefix("sqlite:///"))


def rows(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def change(file: Path, *statements: str) -> None:
    """Change a file behind everybody's back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def beside(file: Path) -> set[str]:
    """The names in the file's folder that begin like it, or are left over from making it."""
    return {found.name for found in file.parent.iterdir() if file.name in found.name}


@contextmanager
def opened_elsewhere(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with the database open, killed at the end."""
    command = [sys.executable, "-c", OPEN, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "asks\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said_by(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Path:
    """A backup of a clinic with one visit, taken at START; a second visit was booked after it."""
    file = tmp_path / "copy.sqlite3"
    world.book(ask=["Clearsign", "Northlight"])
    console_of(world).does("backup", file)
    world.book(ask=["Bridgeway"])
    return file


# ---- backup


def test_a_backup_is_one_file_for_its_owner_with_every_row(world: World, tmp_path: Path) -> None:
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")
    file = tmp_path / "copy.sqlite3"
    said = console_of(world).does("backup", file)

    assert f"{file} holds 1 clinic and 1 visit, until 2026-11-23 20:00:00 UTC." in said
    assert beside(file) == {"copy.sqlite3"}
    assert file.stat().st_mode & 0o777 == 0o600
    before = snapshot(world)
    there = World(from_environ(environ_for(f"sqlite:///{file}", tmp_path)), world.post, with_clinic=False)
    assert snapshot(there) == before
    there.close()


def test_a_file_that_exists_is_kept_unless_forced(copy: Path, world: World) -> None:
    old, console = copy.read_bytes(), console_of(world)
    assert "exists already" in console.refuses("backup", copy)
    assert copy.read_bytes() == old

    console.does("backup", "--force", copy)
    assert rows(copy, "SELECT count(*) FROM visit") == [(2,)]
    assert beside(copy) == {"copy.sqlite3"}


def test_a_file_that_came_into_being_meanwhile_is_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, verify = tmp_path / "copy.sqlite3", copies.verify

    def slowly(part: Path) -> copies.Contents:
        file.write_text("somebody else's backup")
        return verify(part)

    monkeypatch.setattr(copies, "verify", slowly)
    assert "has come into being meanwhile" in console_of(world).refuses("backup", file)
    assert file.read_text() == "somebody else's backup"
    assert beside(file) == {"copy.sqlite3"}


def test_the_database_itself_is_no_target_and_no_source(world: World) -> None:
    file, console = file_of(world), console_of(world)

    assert "is the database itself" in console.refuses("backup", "--force", file)
    assert "is the database itself" in console.refuses("restore", file)


def test_without_a_database_or_a_folder_nothing_is_made(bare_console: Console, world: World, tmp_path: Path) -> None:
    assert "There is no database at" in bare_console.refuses("backup", tmp_path / "copy.sqlite3")
    assert not (tmp_path / "dispatch.sqlite3").exists()

    said = console_of(world).refuses("backup", tmp_path / "nowhere" / "copy.sqlite3")
    assert f"There is no folder {tmp_path / 'nowhere'}. Make it first" in said


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (("DELETE FROM user_account WHERE role = 'provider'",), "refers to rows that are missing"),
        (
            (
                "PRAGMA writable_schema=ON",
                "DELETE FROM sqlite_master WHERE name = 'ix_mail_due'",
            ),
            " is damaged: ",
        ),
        (("UPDATE alembic_version SET version_num = '9999'",), "another version of the program"),
        (("DROP TABLE alembic_version",), "no database of Interpreter Dispatch"),
    ],
    ids=["references", "pages", "revision", "somebody else's"],
)
def test_a_copy_that_is_not_whole_gets_no_name_and_is_not_restored(
    world: World, copy: Path, tmp_path: Path, harm: tuple[str, ...], sentence: str
) -> None:
    world.close()
    console, live, before = console_of(world), file_of(world), snapshot(world)
    world.close()
    change(copy, *harm)
    assert sentence in console.refuses("restore", copy)
    assert snapshot(world) == before
    world.close()

    change(live, *harm)
    assert sentence in console.refuses("backup", tmp_path / "another.sqlite3")
    assert beside(tmp_path / "another.sqlite3") == set()


def test_it_is_the_copy_that_is_read_back(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = copies._copy

    def on_a_bad_disk(source: Path, part: Path, *, mode: str) -> None:
        copied(source, part, mode=mode)
        with part.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 4096)

    monkeypatch.setattr(copies, "_copy", on_a_bad_disk)
    assert "The database is damaged" in console_of(world).refuses("backup", tmp_path / "copy.sqlite3")
    assert beside(tmp_path / "copy.sqlite3") == set()


# ---- restore


def test_a_restore_brings_back_the_instant_and_keeps_what_was_there(world: World, copy: Path) -> None:
    with world.jobs.app_context(), reading() as session:
        assert session.query(Visit).count() == 2
    world.close()
    said = console_of(world).does("restore", copy)

    aside = file_of(world).with_name(f"{file_of(world).name}.replaced-20261123-200000")
    assert "holds 1 clinic and 1 visit, until 2026-11-23 20:00:00 UTC. What happened later is lost." in said
    assert f"is kept as {aside}." in said
    assert "Waiting in it: 2 mails." in said
    assert beside(file_of(world)) == {file_of(world).name, aside.name}
    assert rows(file_of(world), "SELECT count(*) FROM visit") == [(1,)]
    assert rows(aside, "SELECT count(*) FROM visit") == [(2,)]

    world.tick()
    assert len(world.post.received) == 2
    assert {mail.state for mail in world.outbox()} == {MailState.SENT}


def test_after_a_restore_links_do_what_the_handbook_says(world: World, tmp_path: Path) -> None:
    known = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    console_of(world).does("backup", tmp_path / "copy.sqlite3")
    world.open_mail(to="Clearsign").press("Accept")
    world.book(ask=["Bridgeway"])
    world.tick()
    world.close()
    console_of(world).does("restore", tmp_path / "copy.sqlite3")

    asked, confirmed = world.mails(to="Clearsign")
    assert confirmed.open("meet").status_code == 410
    assert world.open_mail(to="Bridgeway").open().status_code == 410
    assert world.badge(known) == "Pending Request"
    assert "You have accepted" in asked.press("Accept").text
    assert world.badge(known) == "Accepted"
    assert confirmed.open("meet").status_code == 200


def test_what_was_set_aside_can_be_restored_again(world: World, copy: Path) -> None:
    before = snapshot(world)
    world.close()
    console = console_of(world)
    console.does("restore", copy)
    world.pass_time(minutes=5)
    console.does("restore", file_of(world).with_name(f"{file_of(world).name}.replaced-{START:%Y%m%d-%H%M%S}"))

    assert snapshot(world) == before


def test_while_another_process_has_the_database_open_nothing_is_restored(world: World, copy: Path) -> None:
    before, file = snapshot(world), file_of(world)
    world.close()
    with opened_elsewhere(file) as process:
        assert said_by(process) == "wrote"
        assert "Another process has the database open." in console_of(world).refuses("restore", copy)
    assert snapshot(world) == before
    assert not any("replaced" in name for name in beside(file))


def test_this_process_s_own_portal_counts_too(world: World, copy: Path) -> None:
    world.login()

    assert "Stop both portals and the jobs" in console_of(world).refuses("restore", copy)


def test_what_a_killed_process_left_beside_the_database_is_part_of_what_is_kept(world: World, copy: Path) -> None:
    file = file_of(world)
    world.close()
    with opened_elsewhere(file) as process:
        assert said_by(process) == "wrote"
    assert f"{file.name}-wal" in beside(file)
    console_of(world).does("restore", copy)

    assert len(beside(file)) == 2
    assert rows(file, "SELECT count(*) FROM visit") == [(1,)]


def test_a_process_that_comes_in_this_very_moment_can_not_write_to_the_old_file(world: World, copy: Path) -> None:
    file = file_of(world)
    world.close()
    copy = Path(shutil.copy(copy, file.with_name("new.sqlite3")))  # one that can take the file's place in one move
    with ExitStack() as stack:
        with copies._alone_with(file):
            late = stack.enter_context(opened_elsewhere(file))
            time.sleep(0.2)  # it waits for the lock
            assert copies._set_aside(file, START) is not None
            copy.replace(file)
        assert said_by(late) == "attempt to write a readonly database"
    assert rows(file, "SELECT count(*) FROM visit") == [(1,)]


class Interrupted(sqlite3.Connection):
    """A connection that somebody slips past, in the moment between being alone and being safe."""

    late: list[sqlite3.Connection]
    file: Path

    def execute(self, statement: str, *_more: object) -> sqlite3.Cursor:
        """Run a statement; before the lock is taken, somebody else opens the file as the product does."""
        if statement == "BEGIN EXCLUSIVE":
            self.late.append(sqlite3.connect(self.file))
            self.late[-1].execute("PRAGMA journal_mode=WAL")
        return super().execute(statement)


def test_a_process_that_comes_in_just_before_the_lock_is_noticed(
    world: World, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.close()
    Interrupted.late, Interrupted.file, connect = [], file_of(world), copies._connect

    def interrupted(file: Path, mode: str, *, patience: float = 1.0) -> sqlite3.Connection:
        if file != Interrupted.file:
            return connect(file, mode)
        return sqlite3.connect(file, timeout=patience, isolation_level=None, factory=Interrupted)

    monkeypatch.setattr(copies, "_connect", interrupted)
    assert "Another process has the database open." in console_of(world).refuses("restore", copy)
    for late in Interrupted.late:
        late.close()
    assert rows(file_of(world), "SELECT count(*) FROM visit") == [(2,)]


def test_a_database_that_can_not_be_read_any_more_is_set_aside_with_all_that_is_beside_it(
    world: World, copy: Path
) -> None:
    file = file_of(world)
    world.close()
    file.write_bytes(b"\0" * 8192)
    file.with_name(f"{file.name}-wal").write_bytes(b"what was not yet written back")
    console_of(world).does("restore", copy)

    aside = f"{file.name}.replaced-20261123-200000"
    assert beside(file) == {file.name, aside, f"{aside}-wal"}
    assert file.with_name(aside).read_bytes() == b"\0" * 8192
    assert world.badge(1) == "Pending Request"


def test_a_damaged_database_that_somebody_has_open_is_left_alone(world: World, copy: Path) -> None:
    file = file_of(world)
    world.close()
    with opened_elsewhere(file) as process:
        assert said_by(process) == "wrote"
        with file.open("r+b") as damaged:
            damaged.write(b"\0" * 100)
        file.with_name(f"{file.name}-wal").unlink()
        assert "Another process has the database open." in console_of(world).refuses("restore", copy)
    assert not any("replaced" in name for name in beside(file))


def test_on_a_new_machine_there_is_nothing_to_keep(bare_console: Console, copy: Path, tmp_path: Path) -> None:
    said = bare_console.does("restore", copy)

    assert "is kept as" not in said
    assert (tmp_path / "dispatch.sqlite3").stat().st_mode & 0o777 == 0o600
    assert "There is no file at" in bare_console.refuses("restore", tmp_path / "nothing.sqlite3")


def test_the_restored_file_belongs_to_whom_the_old_one_belonged(world: World, copy: Path) -> None:
    file = file_of(world)
    world.close()
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 1234)
    console_of(world).does("restore", copy)

    found = file.stat()
    assert found.st_mode & 0o777 == 0o640
    assert os.geteuid() != 0 or (found.st_uid, found.st_gid) == (1234, 1234)


def test_an_older_backup_is_migrated_when_that_is_asked_for(bare_console: Console, tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite3"
    bare_console.does("migrate")
    downgrade(bare_console)
    bare_console.does("backup", file)

    assert "It is older. Run: python -m shared.cli migrate" in bare_console.does("restore", file)
    assert "older than the program" in bare_console.refuses("check")
    with clock.stopped_at(lambda: START):  # the name of what is set aside has seconds
        assert "is migrated" in bare_console.does("restore", "--migrate", file)
    assert "at the newest" in bare_console.refuses("check")


def downgrade(console: Console) -> None:
    """Two migrations back: what lacks the newest alone is not too old for the program."""
    with create_base("jobs", from_environ(console.environ)).app_context():
        flask_migrate.downgrade(revision="-2")
        db.engine.dispose()


# ---- PostgreSQL


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_on_postgresql_both_say_what_to_use(postgres_template: PostgresTemplate, tmp_path: Path, command: str) -> None:
    with postgres_template.database() as url:
        said = Console(environ_for(url, tmp_path)).refuses(command, tmp_path / "copy", code=2)

    for tool in ("pg_dump --format=custom", "pg_restore", "pg_basebackup"):
        assert tool in said
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_no_database_is_named_and_not_ours(world: World, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("No database at all. " * 100)
    world.close()

    said = console_of(world).refuses("restore", text)

    assert f"{text} is damaged: file is not a database. Nothing was changed. Use another backup." in said
