"""Whether an installation can work: what is in order, and what to mend. Changes nothing and sends nothing."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared import health, revisions
from shared.db import db, sqlite_file, transaction
from shared.errors import SettingsError
from shared.health import About, State
from shared.jobs import job_list, sender_for
from shared.leaked import list_fault
from shared.queries import installed_clinics
from shared.revisions import Standing
from shared.sender import mail_server_fault
from shared.settings import Settings, from_environ, is_loopback
from shared.web import create_base

MIGRATE = "Run: python -m shared.cli migrate"
START_JOBS = "Start: python -m shared.cli jobs serve"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``words`` say what was found, or what to do about it."""

    about: str
    well: bool
    words: str


def findings(*, now: datetime) -> Iterator[Finding]:
    """Look at one thing after the other, each told as soon as it is known. What stands on a faulty one is left out."""
    try:
        settings = from_environ()
    except SettingsError as error:
        yield Finding("Settings", False, f"{error}\nMend these first, then check again for the rest.")
        return
    except OSError as error:
        yield _unwritable(error)
        return
    yield Finding("Settings", True, "complete")
    folder = _folder(settings.instance_path)
    yield folder
    if settings.leaked_passwords_file is not None:
        yield _leaked_passwords(settings.leaked_passwords_file)
    if folder.well:
        app = create_base("jobs", settings)
        with app.app_context():
            try:
                yield from _database(app, now)
            finally:
                db.engine.dispose()
        yield _mail_server(app, settings)


def _folder(path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return _unwritable(error)
    return Finding("Folder", True, f"{path} can be written to")


def _leaked_passwords(path: Path) -> Finding:
    fault = list_fault(path)
    words = f"{path} {fault}. Check LEAKED_PASSWORDS_FILE." if fault else f"{path} is a list in order"
    return Finding("Leaked list", not fault, words)


def _unwritable(error: OSError) -> Finding:
    return Finding("Folder", False, f"{error.filename}: {error.strerror}. Check INSTANCE_PATH and who owns it.")


def _database(app: Flask, now: datetime) -> Iterator[Finding]:
    file = sqlite_file(db.engine)
    if file is not None and not file.exists():
        yield Finding("Database", False, f"There is none at {file} yet. {MIGRATE}")
        return
    try:
        with transaction() as session:  # takes the write lock on SQLite
            elsewhere = "" if file else _unchecked_server(session)
    except DBAPIError as error:
        yield _unusable(first_line(error))
        return
    database, *others = health.look(job_list(sender_for(app)), now=now)
    if database.state is not State.OK:
        yield _unusable(database.words)
        return
    yield _answering(f"{file or 'PostgreSQL'} answers", elsewhere)
    yield from _judged(others, now)


def _answering(words: str, elsewhere: str) -> Finding:
    if not elsewhere:
        return Finding("Database", True, words)
    do = "Add sslmode=verify-full to DATABASE_URL."
    return Finding(
        "Database", False, f"{words}, but nothing proves that it is {elsewhere}, or that nobody listens. {do}"
    )


def _unchecked_server(session: Session) -> str:
    """The machine that PostgreSQL is on, if that is another one whose certificate nobody checks; else empty."""
    connection: Any = session.connection().connection.driver_connection
    mode = next(option.val for option in connection.pgconn.info if option.keyword == b"sslmode")
    host = connection.info.host
    return host if leads_elsewhere(host, connection.info.hostaddr) and mode != b"verify-full" else ""


def leads_elsewhere(host: str, address: str) -> bool:
    """Whether a connection leaves this machine: neither a socket in a folder nor a loopback address."""
    return not host.startswith(("/", "@")) and not is_loopback(address)


def _unusable(words: str) -> Finding:
    return Finding("Database", False, f"It can't be used ({words}). Check DATABASE_URL.")


def _judged(found: Iterable[health.Finding], now: datetime) -> Iterator[Finding]:
    """What the probes judge, in words. The clinics are asked for where the migration is right."""
    for finding in found:
        if finding.about is About.MIGRATION:
            migration = _migration(finding.state)
            yield migration
            if not migration.well:
                return
            yield _clinics()
        elif finding.about is About.JOB:
            yield _job(finding, now)
        else:
            yield _due(finding)


def _migration(state: State) -> Finding:
    if state is State.OK:
        return Finding("Migration", True, f"at the newest, {revisions.head()}")
    if state is State.ONE_BEHIND:
        return Finding("Migration", True, f"at {revisions.one_behind_head()}, which is enough. {MIGRATE}")
    standing = {State.EMPTY: Standing.EMPTY, State.UNKNOWN: Standing.UNKNOWN}.get(state, Standing.BEHIND)
    return Finding("Migration", False, NOT_USABLE[standing])


NOT_USABLE = {
    Standing.EMPTY: f"The database has no tables yet. {MIGRATE}",
    Standing.BEHIND: f"The database is older than the program. {MIGRATE}",
    Standing.UNKNOWN: "The database was made by another version of the program. Install that one.",
}
"""What to say of a database that this program can't work with yet."""


def _clinics() -> Finding:
    clinics = installed_clinics()
    if not clinics:
        return Finding("Clinic", False, "There is none yet. Run: python -m shared.cli create-clinic")
    orphans = ", ".join(clinic.name for clinic in clinics if not clinic.has_admin)
    if orphans:
        return Finding("Clinic", False, f"Nobody can log in as an admin of {orphans}. Let one choose a password.")
    return Finding("Clinic", True, f"{len(clinics)}, each with an admin who can log in")


def _job(found: health.Finding, now: datetime) -> Finding:
    if found.state is State.NEVER_RAN:
        return Finding("Job", False, f"{found.job} never ran. {START_JOBS}")
    done, started = found.since, found.started_at
    words = f"{found.job} last completed {_instant(done)}" if done else f"{found.job} never completed"
    if found.state is State.OK:
        return Finding("Job", True, words)
    if started is not None and abs(now - started) <= health.LATE_AFTER:
        return Finding("Job", False, f"{words}, but it began just now. Read what `jobs serve` printed.")
    return Finding("Job", False, f"{words}. {START_JOBS}")


def _due(found: health.Finding) -> Finding:
    about, job = ("Mail", "send_mail") if found.about is About.DUE_MAIL else ("Requests", "expire_requests")
    if found.since is None or found.state is State.OK:
        return Finding(about, True, "nothing that is due has waited for 2 minutes")
    return Finding(about, False, f"What is due since {_instant(found.since)} still waits for {job}. Look there first.")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _mail_server(app: Flask, settings: Settings) -> Finding:
    where = f"{settings.mail_server}:{settings.mail_port}"
    fault = mail_server_fault(
        app.extensions["mail"], timeout_seconds=settings.mail_timeout_seconds, ca_file=settings.mail_ca_file
    )
    if fault:
        return Finding("Mail server", False, f"{where}. {fault}")
    if not settings.mail_use_tls and not is_loopback(settings.mail_server):
        return Finding("Mail server", False, f"{where} takes mail from us, but in clear. Set MAIL_USE_TLS=1.")
    return Finding("Mail server", True, f"{where} takes mail from us")


def first_line(error: DBAPIError) -> str:
    """What the database's driver said, without the statement."""
    return str(error.orig).strip().partition("\n")[0]
