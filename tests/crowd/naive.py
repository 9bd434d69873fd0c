"""How accepting must not be done, to see that the crowd finds it out: read, then write, with no lock, no condition."""

import time
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions import answers
from shared.db import db
from shared.models import Invite, Request
from shared.states import RequestState

THINKING_SECONDS = 0.005
"""A page is read, a form is checked."""


def install() -> None:
    """Put it into this process's ``accept_invite``."""
    vars(answers).update(
        transaction=_transaction, lock_request=_look_at_request, lock_invites=_look_at_invites, win=_win
    )


@contextmanager
def _transaction():
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        yield session


def _look_at_request(session: Session, request_id: int) -> Request:
    return session.get_one(Request, request_id)


def _look_at_invites(session: Session, request_id: int) -> list[Invite]:
    return list(session.scalars(select(Invite).where(Invite.request_id == request_id)))


def _win(session: Session, request: Request, *, now: datetime) -> bool:
    is_pending = request.state is RequestState.PENDING
    time.sleep(THINKING_SECONDS)
    if is_pending:
        request.state, request.closed_at = RequestState.ACCEPTED, now
        session.flush()
    return is_pending
