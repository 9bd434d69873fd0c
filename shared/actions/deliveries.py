"""The outbox worker's transactions: claim a mail, and say what became of it. No network here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shared import outbox
from shared.actions._moves import (
    after_drop,
    after_loss,
    follow_up,
    lock_invites,
    lock_request,
)
from shared.audit import SYSTEM, AuditEvent, record
from shared.db import transaction
from shared.models import CompanyAddress, InviteAddress, Mail, Request
from shared.rules import RETRY_FOR, retry_at, trying_since
from shared.states import MailEvent, MailKind, MailState

LEASE = timedelta(minutes=5)
"""Longer than the worst send: four SMTP steps at the longest allowed time-out of 60 seconds."""


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail that one worker holds until its lease ends. ``worn_out``: its last worker was not heard of again, and it
    has been tried long enough. The ids after it are for the log."""

    id: int
    owner: str
    worn_out: bool
    kind: MailKind
    clinic_id: int
    request_id: int | None
    invite_id: int | None


def claim_mail(*, owner: str, now: datetime) -> ClaimedMail | None:
    """Take the next due mail under a lease, or None when nothing is due. The try counts from here.

    Counting at the claim retires a mail that kills its worker. Workers skip each other's rows, and kinds of mail that
    only a newer program knows, which runs beside this one while it is brought up to date.
    """
    with transaction() as session:
        mail = session.scalar(
            select(Mail)
            .where(
                Mail.state == MailState.QUEUED,
                Mail.kind.in_(MailKind),
                Mail.next_try_at <= now,
                or_(Mail.lease_until.is_(None), Mail.lease_until <= now),
            )
            .order_by(Mail.next_try_at, Mail.id)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
        )
        if mail is None:
            return None
        unheard = mail.lease_owner is not None
        mail.in_doubt = mail.in_doubt or unheard
        mail.attempts += 1
        due_at = max(mail.next_try_at, mail.lease_until or mail.next_try_at)
        mail.trying_since = trying_since(mail.trying_since, due_at=due_at, now=now)
        mail.lease_owner, mail.lease_until = owner, now + LEASE
        worn_out = unheard and mail.trying_since + RETRY_FOR <= now
        return ClaimedMail(mail.id, owner, worn_out, mail.kind, mail.clinic_id, mail.request_id, mail.invite_id)


def bring_mail_forward(*, now: datetime) -> None:
    """After the clock was set back: nothing waits for it to catch up.

    Mail that was put off longer than any is put off is due now, and so is mail that was never tried. A lease that ends
    later than a whole one from now is cut to that: its worker may still be sending.
    """
    put_off, leased = outbox.ahead_of_time(LEASE, now=now)
    with transaction() as session:
        session.execute(update(Mail).where(*put_off).values(next_try_at=now))
        session.execute(update(Mail).where(*leased).values(lease_until=now + LEASE))


def mark_mail_sent(claimed: ClaimedMail, *, now: datetime) -> bool:
    """The mail server took it. What left while its request moved on is followed by the news of that."""
    with transaction() as session:
        found = _lock(session, claimed)
        if found is None:
            return False
        request, mail = found
        outbox.move_mail(mail, MailEvent.TAKE, now=now)
        _record(session, mail, AuditEvent.MAIL_SENT, now)
        if request is not None:
            follow_up(session, request, mail, now=now)
        return True


def mark_mail_refused(claimed: ClaimedMail, *, error: str, nobody_there: bool, now: datetime) -> bool:
    """Refused for good. The last invite's bounce closes the request; the last confirmation's tells the clinic.

    ``nobody_there``: the recipient was refused, so the company's address is marked until somebody corrects it.
    """
    with transaction() as session:
        found = _lock(session, claimed)
        if found is None:
            return False
        request, mail = found
        outbox.move_mail(mail, MailEvent.REFUSE, now=now, error=error)
        _record(session, mail, AuditEvent.MAIL_BOUNCED, now)
        if nobody_there:
            _mark_address(session, mail, now)
        if request is not None:
            after_loss(session, request, mail, now=now)
        return True


def put_off_mail(
    claimed: ClaimedMail, *, error: str, jitter: float, in_doubt: bool = False, now: datetime
) -> MailState | None:
    """The mail server asked to try later, or the talk broke off. After 72 hours of trying the mail is dead; one that
    became pointless meanwhile is dropped at once, so that whoever may have got it all the same hears so now and not at
    the next try. Gives what it is now; None when the lease went to another worker.

    ``in_doubt``: it broke off so late that the mail may have left after all.
    """
    with transaction() as session:
        found = _lock(session, claimed)
        if found is None:
            return None
        request, mail = found
        mail.in_doubt = mail.in_doubt or in_doubt
        if request is not None and outbox.has_no_point(session, mail, now=now):
            outbox.move_mail(mail, MailEvent.DROP, now=now)
            after_drop(session, request, mail, now=now)
            return mail.state
        next_try = retry_at(
            attempts=mail.attempts,
            trying_since=mail.trying_since or now,
            deadline=request.deadline if request is not None and mail.kind is MailKind.INVITE else None,
            jitter=jitter,
            now=now,
        )
        if next_try is None:
            outbox.move_mail(mail, MailEvent.GIVE_UP, now=now, error=error)
            _record(session, mail, AuditEvent.MAIL_DEAD, now)
            if request is not None:
                after_loss(session, request, mail, now=now)
            return mail.state
        mail.next_try_at = next_try
        mail.lease_owner = mail.lease_until = None
        mail.last_error = error[:300]
        return mail.state


def drop_mail(claimed: ClaimedMail, *, now: datetime) -> bool:
    """The mail became pointless before it left, or its address was removed. If an earlier try may have reached
    somebody, "filled" follows."""
    with transaction() as session:
        found = _lock(session, claimed)
        if found is None:
            return False
        request, mail = found
        outbox.move_mail(mail, MailEvent.DROP, now=now)
        if request is not None:
            after_drop(session, request, mail, now=now)
        return True


def _lock(session: Session, claimed: ClaimedMail) -> tuple[Request | None, Mail] | None:
    """Lock request (if the mail is about one), invites, then the mail; None when the lease went to another worker."""
    request_id = session.scalar(select(Mail.request_id).where(Mail.id == claimed.id))
    request = None
    if request_id is not None:
        request = lock_request(session, request_id)
        lock_invites(session, request_id)
    mail = session.scalar(
        select(Mail)
        .where(Mail.id == claimed.id, Mail.state == MailState.QUEUED, Mail.lease_owner == claimed.owner)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return None if mail is None else (request, mail)


def _mark_address(session: Session, mail: Mail, now: datetime) -> None:
    if mail.invite_address_id is None:
        return
    address_id = session.get_one(InviteAddress, mail.invite_address_id).company_address_id
    # One statement, because an administrator may be removing the address at this moment: then there is none to mark.
    session.execute(
        update(CompanyAddress)
        .where(CompanyAddress.id == address_id, CompanyAddress.email == mail.recipient)
        .values(refused_at=now)
    )


def _record(session: Session, mail: Mail, what: AuditEvent, now: datetime) -> None:
    record(
        session,
        what,
        clinic_id=mail.clinic_id,
        by=SYSTEM,
        now=now,
        request_id=mail.request_id,
        invite_id=mail.invite_id,
        mail_id=mail.id,
    )
