"""Log lines: our own facts, and of errors and libraries nothing that somebody may have typed."""

import json
import logging
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import SettingsError
from shared.logs import formatter

ROOT = Path(__file__).parents[2]
PATIENT = "Jonah Pike"


def raised(error: Exception, *, cause: Exception | None = None) -> Exception:
    """The error, as if it had been raised."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def line(
    message: object, *args: object, logger: str = "shared.jobs", error: Exception | None = None, **extra: object
) -> dict[str, Any]:
    """A line as JSON."""
    log = logging.getLogger(logger)
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = log.makeRecord(log.name, logging.ERROR, __file__, 1, message, args, exc_info, extra=extra)
    found: dict[str, Any] = json.loads(formatter("json").format(record))
    told = formatter("text").format(record)
    assert PATIENT not in told
    assert all(str(value) in told for name, value in found.items() if name not in {"at", "pid"})
    return found


def database_error() -> Exception:
    with create_engine("sqlite://", hide_parameters=True).connect() as connection:
        connection.execute(text("create table patient (name text unique)"))
        connection.execute(text("insert into patient values (:name)"), {"name": PATIENT})
        try:
            connection.execute(text("insert into patient values (:name)"), {"name": PATIENT})
        except SQLAlchemyError as error:
            return error
    raise AssertionError


def test_our_own_line_holds_its_words_its_facts_and_when_it_was_written() -> None:
    found = line("Job %s failed", "send_mail", mail_id=7)

    assert (found["level"], found["logger"], found["message"], found["mail_id"]) == (
        "ERROR",
        "shared.jobs",
        "Job send_mail failed",
        7,
    )
    assert found["at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(f"no such patient: {PATIENT}"), "ValueError"),
        (KeyError(PATIENT), "KeyError"),
        (FileNotFoundError(2, "No such file", f"/tmp/{PATIENT}"), "FileNotFoundError (2)"),
        (smtplib.SMTPRecipientsRefused({PATIENT: (550, b"No")}), "SMTPRecipientsRefused"),
        (smtplib.SMTPDataError(554, f"no mail to {PATIENT}".encode()), "SMTPDataError (554)"),
        (database_error(), "IntegrityError (IntegrityError SQLITE_CONSTRAINT_UNIQUE)"),
        (AttributeError("'NoneType' object has no attribute 'id'"), "'NoneType' object has no attribute 'id'"),
        (SettingsError("SECRET_KEY is missing"), "SettingsError: SECRET_KEY is missing"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_of_an_error_the_place_and_the_kind_are_told_but_no_value(error: Exception, kind: str) -> None:
    for caught in (raised(error), raised(RuntimeError(PATIENT), cause=raised(error))):
        told = line("It failed", error=caught)["traceback"]

        assert kind in told
        assert "test_log_lines.py" in told
        assert PATIENT not in told


def test_the_first_cause_is_told_first() -> None:
    told = line("x", error=raised(RuntimeError(), cause=raised(KeyError())))["traceback"]

    assert told.index("KeyError") < told.index("\nand then\n") < told.index("RuntimeError")


@pytest.mark.parametrize(
    ("words", "args", "told"),
    [
        ("Error handling request %s", (f"/r/{PATIENT}",), "Error handling request …"),
        ("Worker (pid:%s) exited with code %s.", (17, -9), "Worker (pid:17) exited with code -9."),
        (f"Invalid request from ip=10.0.0.7: {PATIENT}", (), "Invalid request from ip"),
        (f"Odd: {PATIENT}", (), "Odd"),
        (ValueError(PATIENT), (), "ValueError"),
        ("%(name)s was here", ({"name": PATIENT},), "%(name)s was here"),
    ],
)
def test_of_a_librarys_line_its_fixed_words_and_numbers_are_told(
    words: object, args: tuple[object, ...], told: str
) -> None:
    found = line(words, *args, logger="gunicorn.error", patient=PATIENT)

    assert found["message"] == told
    assert "patient" not in found


def test_what_another_handler_has_written_of_an_error_is_not_taken_over() -> None:
    error = raised(ValueError(PATIENT))
    record = logging.LogRecord("shared", logging.ERROR, "", 1, "x", (), (ValueError, error, error.__traceback__))
    assert PATIENT in logging.Formatter().format(record)

    for kind in ("json", "text"):
        assert PATIENT not in formatter(kind).format(record)


@pytest.mark.parametrize("end", ["raise ValueError(NAME)", "Thread(target=int, args=(NAME,)).start()"])
def test_an_error_that_nobody_caught_is_a_line_like_any_other(end: str) -> None:
    begin = "import sys; from threading import Thread; from shared import logs; logs.configure('json', sys.stderr)"
    code = f"{begin}; NAME = ' '.join(('Jonah', 'Pike')); {end}"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stderr

    found = json.loads(said)
    assert (found["level"], found["logger"]) == ("CRITICAL", "shared.logs")
    assert found["traceback"].endswith("ValueError")
    assert PATIENT not in said


def test_a_line_that_can_not_be_written_does_not_print_its_arguments() -> None:
    begin = "import logging, sys; from shared import logs; logs.configure('json', sys.stderr)"
    code = f"{begin}; logging.getLogger('shared').error('%d', ' '.join(('Jonah', 'Pike')))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
