"""A corrected dispatch address gets what its company was told elsewhere. The caller holds the transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from shared import outbox
from shared.actions._assignments import TELLING
from shared.actions._moves import after_drop, close_if_due, close_if_nobody_left, lock_invites, lock_request
from shared.audit import AuditEvent
from shared.models import AuditEntry, CompanyAddress, Invite, InviteAddress, Mail, Request, Visit
from shared.states import Answer, MailKind, MailState, RequestState, VisitStatus
from shared.tokens import new_public_id


def lock_open_invites(session: Session, company_id: int, *, now: datetime) -> list[tuple[Request, Invite]]:
    """What the company has been asked and may answer, or has won with a visit still to come: requests locked in the
    order of their ids, each with its invites, those at their deadline closed first.
    """
    found = []
    for request_id in _open_requests(session, company_id, now):
        request = lock_request(session, request_id)
        invites = lock_invites(session, request.id)
        close_if_due(session, request, now=now)
        found += [(request, invite) for invite in invites if invite.company_id == company_id]
    return [(request, invite) for request, invite in found if _kind_due(request, invite) is not None]


def tell_address(session: Session, request: Request, invite: Invite, address: CompanyAddress, *, now: datetime) -> None:
    """Send a new or corrected address the invite, or the winner's confirmation, unless it has that or is about to."""
    kind = _kind_due(request, invite)
    if kind is None:
        return
    reached = reach(session, invite.id, address)
    kinds = (MailKind.INVITE,) if kind is MailKind.INVITE else TELLING
    mails = outbox.mails_to(session, reached, *kinds)
    if not mails or not _knows(session, invite, mails[-1]):
        again = f"again-{len(mails)}" if mails else ""
        outbox.queue_to_company(session, kind, request, [reached], event=again, now=now)


def reach(session: Session, invite_id: int, address: CompanyAddress) -> InviteAddress:
    """The company's address as one of an invite, with a link of its own; the one that it was once, if it was."""
    reached = session.scalar(
        select(InviteAddress).where(InviteAddress.invite_id == invite_id, InviteAddress.email == address.email)
    )
    if reached is None:
        reached = InviteAddress(invite_id=invite_id, email=address.email, link_id=new_public_id())
        session.add(reached)
    reached.company_address_id = address.id
    session.flush()
    return reached


def forget_addresses(
    session: Session, request: Request, invite: Invite, emails: Sequence[str], *, now: datetime
) -> None:
    """Addresses were removed from the company: an invite that has not left for them does not leave any more, nor what
    would tell them the way into the meeting."""
    for address in session.scalars(
        select(InviteAddress)
        .where(InviteAddress.invite_id == invite.id, InviteAddress.email.in_(emails))
        .order_by(InviteAddress.id)
    ).all():
        for mail in outbox.drop_waiting(session, address, *outbox.FOR_CURRENT, now=now):
            after_drop(session, request, mail, now=now)
    close_if_nobody_left(session, request, now=now)


def _knows(session: Session, invite: Invite, newest: Mail) -> bool:
    """Whether an address knows how things are, or is about to, by the newest of its mails: a winner may have been told
    of a change since, but not here."""
    if newest.state is not MailState.SENT or newest.kind is MailKind.INVITE:
        return newest.state in {MailState.QUEUED, MailState.SENT}
    line, left = aliased(AuditEntry), aliased(AuditEntry)
    # A confirmation says how things are when it leaves; a change after that has an update of its own.
    since = line.at > newest.created_at if newest.kind is MailKind.UPDATED else line.id > left.id
    missed = exists().where(
        line.request_id == invite.request_id,
        line.what == AuditEvent.WINNER_UPDATED,
        left.request_id == invite.request_id,
        left.what == AuditEvent.MAIL_SENT,
        left.mail_id == newest.id,
        since,
    )
    return not session.scalar(select(missed))


def _kind_due(request: Request, invite: Invite) -> MailKind | None:
    """What an address of this invite has to have got by now; None when there is nothing to tell it."""
    if request.state is RequestState.PENDING and invite.answer is None:
        return MailKind.INVITE
    if request.state is RequestState.ACCEPTED and invite.answer is Answer.ACCEPTED:
        return MailKind.CONFIRMATION
    return None


def _open_requests(session: Session, company_id: int, now: datetime) -> list[int]:
    still_to_come = exists().where(
        Visit.request_id == Request.id, Visit.status == VisitStatus.SCHEDULED, Visit.ends_at > now
    )
    return list(
        session.scalars(
            select(Request.id)
            .join(Invite, Invite.request_id == Request.id)
            .where(
                Invite.company_id == company_id,
                or_(
                    and_(Request.state == RequestState.PENDING, Invite.answer.is_(None)),
                    and_(Request.state == RequestState.ACCEPTED, Invite.answer == Answer.ACCEPTED, still_to_come),
                ),
            )
            .order_by(Request.id)
        )
    )
