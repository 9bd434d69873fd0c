"""What a company does from its mail: accept, decline, give a reason. Opening a link is noted, nothing more."""

import logging
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from shared import outbox
from shared.actions._moves import (
    close_if_due,
    close_if_nobody_left,
    current_addresses_of,
    invite_of_link,
    lock_invites,
    lock_request,
    record_answer,
    record_move,
    settle_invites,
    win,
)
from shared.audit import Actor, AuditEvent, record
from shared.db import DATABASE_ERRORS, database_fault, transaction
from shared.models import Invite, InviteOpening, Request
from shared.rules import InviteCase, invite_case
from shared.states import Answer, MailKind, RequestState
from shared.tokens import VerifiedLink

log = logging.getLogger(__name__)


class AnswerOutcome(StrEnum):
    """Whether this answer is the one that counts. The page itself is told by the rows."""

    TAKEN = "taken"
    REPEATED = "repeated"
    REFUSED = "refused"


def accept_invite(link: VerifiedLink, *, responder: str, now: datetime) -> AnswerOutcome:
    """Accept a request for the link's company. The first company wins; a second click changes and mails nothing.

    Locks the request, then its invites, then mails. A request at or past its deadline is closed instead.
    Raises NotFoundError when the link leads nowhere.
    """
    with transaction() as session:
        invite, request, case = _lock(session, link, now)
        if case is InviteCase.WON:
            return AnswerOutcome.REPEATED
        if case is not InviteCase.OPEN or not win(session, request, now=now):
            return AnswerOutcome.REFUSED
        record_answer(session, request, invite, Answer.ACCEPTED, responder, now)
        record_move(session, request, RequestState.PENDING, by=Actor(invite_id=invite.id), now=now)
        session.flush()
        settle_invites(session, request, now=now)
        told = current_addresses_of(session, invite.id)
        outbox.queue_to_company(session, MailKind.CONFIRMATION, request, told, now=now)
        outbox.queue_to_clinic(session, MailKind.CLINIC_ACCEPTED, request, invite_id=invite.id, now=now)
        return AnswerOutcome.TAKEN


def decline_invite(link: VerifiedLink, *, responder: str, now: datetime) -> AnswerOutcome:
    """Decline a request for the link's company. The last open company's decline closes the request, once.

    Locks like accept_invite; recounted under the lock, so two last declines at once can't leave it pending.
    """
    with transaction() as session:
        invite, request, case = _lock(session, link, now)
        if case is InviteCase.DECLINED:
            return AnswerOutcome.REPEATED
        if case is not InviteCase.OPEN:
            return AnswerOutcome.REFUSED
        record_answer(session, request, invite, Answer.DECLINED, responder, now)
        close_if_nobody_left(session, request, now=now)
        return AnswerOutcome.TAKEN


def give_decline_reason(link: VerifiedLink, *, reason: str, now: datetime) -> bool:
    """Add why a company declined. Counts once, and only from a company that declined; False otherwise."""
    with transaction() as session:
        invite, address = invite_of_link(session, link.public_id)
        request = lock_request(session, invite.request_id)
        session.refresh(invite)
        if address.is_removed or invite.answer is not Answer.DECLINED or invite.decline_reason:
            return False
        if request.notes_removed_at is not None:  # it would stay for ever
            return False
        invite.decline_reason = reason
        record(
            session,
            AuditEvent.DECLINE_REASON_GIVEN,
            clinic_id=request.clinic_id,
            by=Actor(invite_id=invite.id),
            now=now,
            request_id=request.id,
            invite_id=invite.id,
            fields=("decline_reason",),
        )
        return True


def note_opening(link: VerifiedLink, *, now: datetime) -> None:
    """Note that a link was opened for the first time. A hint in a table of its own: no state, answer or mail moves.

    Locks the request, so that two openings at once write one row. Where it can't be written down, the company reads its
    page as usual, and the next opening is noted.
    """
    try:
        with transaction() as session:
            invite, address = invite_of_link(session, link.public_id)
            request = lock_request(session, invite.request_id)
            if request.contacts_removed_at is None and session.get(InviteOpening, address.id) is None:
                session.add(InviteOpening(invite_address_id=address.id, opened_at=now))
    except DATABASE_ERRORS as error:
        if not (fault := database_fault(error)):
            raise
        log.warning("An opening can't be noted (%s).", fault)


def _lock(session: Session, link: VerifiedLink, now: datetime) -> tuple[Invite, Request, InviteCase]:
    """Lock the request and its invites, closing the request first if its deadline has come; and what the link is then
    good for. The address is looked at under the lock, which whoever removes it holds."""
    invite, address = invite_of_link(session, link.public_id)
    request = lock_request(session, invite.request_id)
    lock_invites(session, request.id)
    close_if_due(session, request, now=now)
    session.refresh(address)
    case = invite_case(request.state, invite.answer, request.deadline, removed=address.is_removed, now=now)
    return invite, request, case
