"""What a winner has to be told when its assignment changes or ends. The caller holds the transaction and its locks."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.actions._moves import addresses_of, current_addresses_of, lock_request
from shared.audit import Actor, AuditEvent, record
from shared.models import Invite, InviteAddress, Mail, Request, RequestVisit, User, Visit
from shared.states import Answer, MailEvent, MailKind, MailState, RequestState, VisitStatus

TELLING = (MailKind.CONFIRMATION, MailKind.UPDATED)
"""What tells an address of the assignment."""


def winner_of(session: Session, request_id: int) -> Invite | None:
    """The invite that was accepted, if one was."""
    return session.scalar(select(Invite).where(Invite.request_id == request_id, Invite.answer == Answer.ACCEPTED))


def end_assignment(session: Session, request: Request, *, now: datetime) -> None:
    """After an accepted request was withdrawn, or lost all that was to come: a cancellation to each address that was
    told of the assignment.

    What has not left is dropped. What a worker holds may be leaving: the worker settles that when it comes back. A
    winner whose confirmation has left nowhere yet is told as well: whoever accepted has read so on the page.
    """
    winner = winner_of(session, request.id)
    if winner is None:
        return
    winner.calendar_sequence += 1
    told: list[InviteAddress] = []
    waiting: list[InviteAddress] = []
    for address in addresses_of(session, winner.id):
        mails = outbox.mails_to(session, address, *TELLING)
        queued = [mail for mail in mails if mail.state is MailState.QUEUED]
        free = [mail for mail in queued if mail.lease_owner is None]
        if any(mail.state is MailState.SENT for mail in mails) or any(mail.in_doubt for mail in free):
            told.append(address)
        elif queued:
            waiting.append(address)
        for mail in free:
            outbox.move_mail(mail, MailEvent.DROP, now=now)
    for address in told or waiting:
        outbox.queue_once_to_company(session, MailKind.CANCELLATION, request, address, now=now)


def update_assignment(session: Session, request: Request, *, by: Actor, fields: tuple[str, ...], now: datetime) -> None:
    """After something changed that the winner of an accepted request has been told: tell it anew.

    A confirmation that has not left yet will say how things are when it leaves; nothing is added to it.
    """
    winner = winner_of(session, request.id)
    if winner is None:
        return
    winner.calendar_sequence += 1
    session.flush()
    for address in current_addresses_of(session, winner.id):
        if any(_has_left(mail) for mail in outbox.mails_to(session, address, *TELLING)):
            event = str(winner.calendar_sequence)
            outbox.queue_to_company(session, MailKind.UPDATED, request, [address], event=event, now=now)
    record(
        session,
        AuditEvent.WINNER_UPDATED,
        clinic_id=request.clinic_id,
        by=by,
        now=now,
        request_id=request.id,
        invite_id=winner.id,
        fields=fields,
    )


def update_winners(
    session: Session,
    clinic_id: int,
    *,
    by: Actor,
    fields: tuple[str, ...],
    provider_id: int | None = None,
    now: datetime,
) -> None:
    """After the clinic's contact, dial-in number or name changed, or one provider's name (``provider_id``): tell every
    company that holds a visit still to come. Withdraws nothing.

    A provider's new name also goes into open offers. Locks these requests in the order of their ids; lock the clinic's
    row first.
    """
    for request_id in _held_requests(session, clinic_id, provider_id, now):
        request = lock_request(session, request_id)
        if provider_id is not None:
            _rename_provider(session, request, session.get_one(User, provider_id))
        if request.state is RequestState.ACCEPTED:
            update_assignment(session, request, by=by, fields=fields, now=now)


def _held_requests(session: Session, clinic_id: int, provider_id: int | None, now: datetime) -> list[int]:
    found = (
        select(Request.id)
        .join(Visit, Visit.request_id == Request.id)
        .where(
            Visit.clinic_id == clinic_id,
            Visit.status == VisitStatus.SCHEDULED,
            Visit.ends_at > now,
            Request.state.in_((RequestState.PENDING, RequestState.ACCEPTED)),
        )
        .distinct()
        .order_by(Request.id)
    )
    if provider_id is not None:
        found = found.where(Visit.provider_id == provider_id)
    return list(session.scalars(found))


def _rename_provider(session: Session, request: Request, provider: User) -> None:
    rows = session.scalars(
        select(RequestVisit)
        .join(Visit, Visit.id == RequestVisit.visit_id)
        .where(
            RequestVisit.request_id == request.id,
            Visit.request_id == request.id,
            Visit.provider_id == provider.id,
        )
    )
    for row in rows:
        row.provider_name = provider.name


def _has_left(mail: Mail) -> bool:
    """Whether somebody may have read it: sent, being sent now, or broken off unheard of."""
    if mail.state is MailState.QUEUED:
        return mail.lease_owner is not None or mail.in_doubt
    return mail.state is MailState.SENT
