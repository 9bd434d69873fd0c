"""What every command begins with: the settings, an app, and a database that it can work on."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from flask import Flask
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError, ProgrammingError

from shared import logs, revisions
from shared.checks import NOT_USABLE, first_line
from shared.db import db
from shared.errors import DomainError, SettingsError
from shared.revisions import Standing
from shared.settings import Settings, from_environ
from shared.web import create_base

_BUGS = (DataError, IntegrityError, InternalError, ProgrammingError)
"""What a database says of wrong statements and not of itself."""

_NOT_ALLOWED = "42501"
"""PostgreSQL's word for rights that an account does not have."""

ANOTHER_ACCOUNT = "This needs the account that owns the tables in DATABASE_URL: docs/operations.md, Two accounts."


@dataclass(frozen=True, slots=True)
class Installation:
    """The settings, and an app whose context is open."""

    app: Flask
    settings: Settings


@contextmanager
def installation(*, serves: bool = False) -> Iterator[Installation]:
    """Open the app for one command. What a person can mend becomes a sentence and exit code 1.

    ``serves``: a process that goes on, whose lines are for the log; the others' are for who has typed the command.
    """
    try:
        settings = from_environ()
        app = create_base("jobs", settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}. Check INSTANCE_PATH.") from error
    if serves:
        logs.configure(settings.log_format, sys.stderr)
    else:
        logs.configure("text", sys.stdout, level=logging.WARNING)
    with app.app_context():
        try:
            yield Installation(app, settings)
        except DomainError as error:
            raise click.ClickException(error.sentence) from error
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
                raise click.ClickException(f"{first_line(error)}. {ANOTHER_ACCOUNT}") from error
            if isinstance(error, _BUGS):
                raise
            raise _unusable(error) from error
        finally:
            db.engine.dispose()


def require_usable() -> None:
    """Refuse a database that can't be reached, or that this program can't work on."""
    try:
        standing = revisions.standing(db.engine)
    except DBAPIError as error:
        raise _unusable(error) from error
    if not standing.is_usable:
        raise click.ClickException(NOT_USABLE[standing])


def refuse(*unwanted: Standing) -> None:
    """Refuse a database that is at one of these standings, and take any other: old and new processes may overlap."""
    standing = revisions.standing(db.engine)
    if standing in unwanted:
        raise click.ClickException(NOT_USABLE[standing])


def _unusable(error: DBAPIError) -> click.ClickException:
    return click.ClickException(f"The database can't be used ({first_line(error)}). Check DATABASE_URL.")
