"""What an administrator does with mail that did not arrive."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.actions._moves import lock_invites, lock_request
from shared.actions._reach import reach
from shared.actions._saving import lock_as_admin
from shared.audit import About, Actor, AuditEvent, record
from shared.db import transaction
from shared.errors import DomainError, NotFoundError
from shared.lost_mail import LOST, Recipient, again
from shared.models import Mail, PasswordLink
from shared.rules import Scope
from shared.states import MailKind


def send_mail_again(scope: Scope, mail_id: int, *, now: datetime) -> None:
    """Queue a mail that was refused or given up anew, as a mail of its own. The same press twice sends it once.

    Locks the clinic, then request, invites and mail. Raises DomainError, which says why, for one that can't be sent
    any more, and NotFoundError for any other mail.
    """
    with transaction() as session:
        lock_as_admin(session, scope)
        mail = _lock(session, scope, mail_id)
        if outbox.was_queued_again(session, mail):
            return
        how = again(session, mail, now=now)
        if how.why_not:
            raise DomainError(how.why_not)
        for recipient in how.to:
            _queue(session, scope, mail, how.kind, recipient, now)


def _lock(session: Session, scope: Scope, mail_id: int) -> Mail:
    found = select(Mail).where(Mail.id == mail_id, Mail.clinic_id == scope.clinic_id, Mail.state.in_(LOST))
    mail = session.scalar(found)
    if mail is None:
        raise NotFoundError("There is no such mail among those that could not be delivered. Go back to their list.")
    if mail.request_id is not None:
        lock_request(session, mail.request_id)
        lock_invites(session, mail.request_id)
    return session.scalars(found.with_for_update(key_share=True).execution_options(populate_existing=True)).one()


def _queue(session: Session, scope: Scope, lost: Mail, kind: MailKind, recipient: Recipient, now: datetime) -> None:
    reached = None
    if recipient.address is not None:
        assert lost.invite_id is not None
        reached = reach(session, lost.invite_id, recipient.address)
    mail = outbox.queue_again(session, lost, kind, recipient.email, reached, now=now)
    record(
        session,
        AuditEvent.MAIL_SENT_AGAIN,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        request_id=mail.request_id,
        invite_id=mail.invite_id,
        mail_id=mail.id,
        about=_about(session, mail),
    )


def _about(session: Session, mail: Mail) -> About | None:
    """Whom a mail about a password is for."""
    if mail.password_link_id is None:
        return None
    return About("user", session.get_one(PasswordLink, mail.password_link_id).user_id)
