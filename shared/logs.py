"""Log lines, as JSON for machines or as text for people: ids, and never what people wrote, addresses or links.

Our own lines say only what we put in. What an exception or a library would fill in may be a patient's name, a mail
address or a link, so of an exception the stack and the kind are told, and of a library's line its fixed words.
"""

import copy
import logging
import re
import smtplib
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, TextIO

from flask import current_app, g, has_request_context, request
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from sqlalchemy.exc import DBAPIError

from shared.errors import SettingsError

OWN = frozenset({"portal", "vendor_portal", "shared"})
"""The first part of our own loggers' names."""

SPEAKING = (SettingsError, AttributeError, NameError, ImportError)
"""Exceptions whose words name settings or code, never a value."""

NOISY = ("apscheduler", "alembic")
"""Libraries of which errors alone are news: a cycle longer than its interval is none."""

_PLACEHOLDER = re.compile(r"%[^a-zA-Z%]*[a-zA-Z]")
_RESERVED = frozenset(RESERVED_ATTRS)


def configure(log_format: str, stream: TextIO, *, level: int = logging.INFO) -> None:
    """Send the lines of this process to a stream, those about errors that nobody caught too.

    Where somebody listens already, as the tests do, nothing is changed.
    """
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(log_format))
    logging.basicConfig(level=level, handlers=[handler])
    logging.raiseExceptions = False  # it would print the arguments of a line that can't be written
    sys.excepthook = _uncaught
    threading.excepthook = lambda thread: _uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)


def formatter(log_format: str) -> logging.Formatter:
    """The formatter of one of the two formats."""
    return JsonLines() if log_format == "json" else TextLines("%(levelname)s %(name)s: %(message)s")


class JsonLines(JsonFormatter):
    """One JSON object for each line."""

    def __init__(self) -> None:
        super().__init__(
            ("levelname", "name", "message", "process"),
            rename_fields={"levelname": "level", "name": "logger", "process": "pid", "exc_info": "traceback"},
            timestamp="at",
        )

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return super().format(_tellable(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """An exception without values."""
        return without_values(ei[1])


class TextLines(logging.Formatter):
    """The words of a line, and behind them what the JSON keeps in fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback stands below it."""
        return super().format(_tellable(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The first line, without the traceback."""
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in _facts(record))])

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """An exception without values."""
        return without_values(ei[1])


def without_values(error: BaseException | None) -> str:
    """An exception and those behind it, the first cause first: where, and of what kind, without what they say."""
    told: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        stack = "".join(traceback.extract_tb(error.__traceback__).format())
        told.append(f"{stack}{_kind(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nand then\n".join(reversed(told))


def _kind(error: BaseException) -> str:
    """What kind of error it is, with the code that a database, a mail server or the system gave it."""
    name = type(error).__name__
    if isinstance(error, SPEAKING):
        return f"{name}: {error}"
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
        return f"{name} ({type(error.orig).__name__} {code})"
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else getattr(error, "errno", None)
    return f"{name} ({code})" if isinstance(code, int) else name


def _tellable(record: logging.LogRecord) -> logging.LogRecord:
    """A copy of the record that holds what may be written, and whom and which HTTP request it is about."""
    shown = copy.copy(record)
    shown.exc_text = None  # another handler may have written the exception out, with values
    if record.name.partition(".")[0] not in OWN:
        shown.__dict__ = {name: value for name, value in shown.__dict__.items() if name in _RESERVED}
        shown.msg, shown.args = _fixed_words(record), ()
    for name, value in _context().items():
        shown.__dict__.setdefault(name, value)
    return shown


def _fixed_words(record: logging.LogRecord) -> str:
    """A library's words as they stand in its code, and its numbers. Where it has filled something in by itself, that
    stands behind a colon or an equals sign."""
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    if not isinstance(record.args, tuple) or not record.args:
        return re.split(r": |=|\n", record.msg)[0]
    shown = iter([str(value) if isinstance(value, int) else "…" for value in record.args])
    return _PLACEHOLDER.sub(lambda _found: next(shown, "…"), record.msg)


def _facts(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """What was added to a line beside its words."""
    return ((name, value) for name, value in record.__dict__.items() if name not in _RESERVED)


def _context() -> Mapping[str, object]:
    """Which HTTP request is being answered, if one is, and for whom."""
    if not has_request_context():
        return {}
    found: dict[str, object] = {"app": current_app.name, "endpoint": request.endpoint}
    if "http_request_id" in g:
        found["http_request_id"] = g.http_request_id
    if "person" in g:
        found |= {"user_id": g.person.scope.user_id, "clinic_id": g.person.scope.clinic_id}
    return found


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical("An error that nobody caught", exc_info=(kind, error, trace))
