"""Commands that copy a SQLite database and put a copy in its place; for PostgreSQL they say what to use."""

from pathlib import Path

import click
import flask_migrate

from shared import clock
from shared.backup import Contents
from shared.backup import backup as make_backup
from shared.backup import restore as restore_backup
from shared.checks import MIGRATE
from shared.cli.opening import installation
from shared.db import db, sqlite_file
from shared.revisions import Standing

FOR_POSTGRESQL = """This installation is on PostgreSQL, which has tools of its own:

  one instant into a file   pg_dump --format=custom --file=FILE "$DATABASE_URL"
  into an empty database    pg_restore --exit-on-error --no-owner --dbname="$DATABASE_URL" FILE
  back to any instant       base backups (pg_basebackup) with WAL archiving

docs/operations.md tells when to use which."""

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: Path, *, force: bool) -> None:
    """Copy the SQLite database to FILE and check it.

    Nobody has to stop working: the copy is the database as it was at one instant.
    """
    with installation():
        contents = make_backup(_database_file(), file.absolute(), force=force)
    click.echo(f"{file} holds {_told(contents)}. It was read back and is whole. It holds patients' names: guard it.")


@click.command()
@click.argument("file", type=FILE)
@click.option("--migrate", is_flag=True, help="Then bring it to the newest migration.")
def restore(file: Path, *, migrate: bool) -> None:
    """Put a backup in the SQLite database's place.

    Stop both portals and the jobs first. The database that is there now is kept under another name.
    """
    with installation():
        database = _database_file()
        restored = restore_backup(file.absolute(), database, now=clock.utc_now())
        is_old = restored.contents.standing is not Standing.HEAD
        if is_old and migrate:
            flask_migrate.upgrade()
    click.echo(f"{database} holds {_told(restored.contents)}. What happened later is lost.")
    if restored.set_aside:
        click.echo(f"The database that was there is kept as {restored.set_aside}.")
    if restored.contents.queued_mails:
        queued = _count(restored.contents.queued_mails, "mail")
        click.echo(f"Waiting in it: {queued}. The jobs will send what is still due, perhaps for a second time.")
    if is_old:
        click.echo("It was older than the program and is migrated." if migrate else f"It is older. {MIGRATE}")
    click.echo("docs/operations.md says what to do next.")


def _database_file() -> Path:
    file = sqlite_file(db.engine)
    if file is None:
        click.echo(FOR_POSTGRESQL, err=True)
        raise SystemExit(2)
    return file


def _told(contents: Contents) -> str:
    until = f", until {contents.until:%Y-%m-%d %H:%M:%S} UTC" if contents.until else ""
    return f"{_count(contents.clinics, 'clinic')} and {_count(contents.visits, 'visit')}{until}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
