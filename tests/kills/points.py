"""The places at which a process can be killed: put into SQLAlchemy, smtplib and Flask from outside, by name.

A point of the database is named after the action whose transaction it is ("accept_invite before commit"), one of the
mail's way after the SMTP command.
"""

import smtplib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.wsgi import ClosingIterator

from tests.processes.fuse import Fuse

WRITES = ("INSERT", "UPDATE", "DELETE")
END_OF_MAIL = b"\r\n.\r\n"


def install(fuse: Fuse) -> None:
    """Put the points into this process."""
    _into_transactions(fuse)
    _into_smtp(fuse)
    _into_answers(fuse)


def acting() -> str:
    """The action whose transaction this is: the innermost function on the stack that is one."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        module = frame.f_globals.get("__name__", "")
        if module.startswith("shared.actions.") and "._" not in module and not frame.f_code.co_name.startswith("_"):
            return frame.f_code.co_name
    return "nobody"


def _into_transactions(fuse: Fuse) -> None:
    def passing(moment: str) -> Callable[..., None]:
        def passed(*_args: object) -> None:
            if fuse.is_lit:
                fuse.passing(f"{acting()} {moment}")

        return passed

    def wrote(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if fuse.is_lit and statement.lstrip().upper().startswith(WRITES):
            fuse.passing(f"{acting()} has written")

    event.listen(Engine, "begin", passing("begins"))
    event.listen(Engine, "after_cursor_execute", wrote)
    event.listen(Engine, "commit", passing("before commit"))
    event.listen(Session, "after_commit", passing("after commit"))


def _into_smtp(fuse: Fuse) -> None:
    class Watched(smtplib.SMTP):
        """An SMTP client that can die between any two commands, and in the middle of a message."""

        def ehlo_or_helo_if_needed(self) -> None:
            super().ehlo_or_helo_if_needed()
            fuse.passing("connected")

        def mail(self, *args: Any, **options: Any) -> Any:
            fuse.passing("before MAIL")
            return super().mail(*args, **options)

        def rcpt(self, *args: Any, **options: Any) -> Any:
            answer = super().rcpt(*args, **options)
            fuse.passing("after RCPT")
            return answer

        def data(self, *args: Any, **options: Any) -> Any:
            answer = super().data(*args, **options)
            fuse.passing("after 250")
            return answer

        def send(self, s: Any) -> None:
            is_mail = isinstance(s, bytes) and s.endswith(END_OF_MAIL)
            if is_mail and fuse.burns("half of DATA"):
                super().send(s[: len(s) // 2])
                fuse.die()
            super().send(s)
            if is_mail:
                fuse.passing("after the dot")

    smtplib.SMTP = Watched  # type: ignore[misc]


def _into_answers(fuse: Fuse) -> None:
    call = Flask.__call__

    def answer(app: Flask, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        sent = call(app, environ, start_response)
        return ClosingIterator(sent, lambda: fuse.passing(f"{environ['REQUEST_METHOD']} answered"))

    Flask.__call__ = answer  # type: ignore[method-assign, assignment]
