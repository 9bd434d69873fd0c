"""How a request moves, for every action that moves one. The caller holds the transaction."""

from datetime import datetime

from sqlalchemy import CursorResult, and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from shared import outbox
from shared.audit import SYSTEM, Actor, AuditEvent, record
from shared.errors import NotFoundError
from shared.models import Invite, InviteAddress, Mail, Request, RequestVisit
from shared.rules import (
    WITHDRAWN_STATES,
    InviteStanding,
    can_answer,
    closing_event,
    deadline_event,
)
from shared.states import (
    Answer,
    MailEvent,
    MailKind,
    MailState,
    RequestEvent,
    RequestState,
    next_request_state,
)

_CLINIC_MAIL = {
    RequestState.ALL_DECLINED: MailKind.CLINIC_ALL_DECLINED,
    RequestState.EXPIRED: MailKind.CLINIC_EXPIRED,
    RequestState.UNDELIVERABLE: MailKind.CLINIC_UNDELIVERABLE,
}


def lock_request(session: Session, request_id: int) -> Request:
    """Lock a request's row, so that its moves and everything recounted for them happen one after the other.

    ``populate_existing``: without it a row that this session had loaded earlier keeps its old values in spite of the
    lock. On SQLite the transaction itself is the lock.
    """
    request = session.scalar(
        select(Request)
        .where(Request.id == request_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if request is None:
        raise NotFoundError
    return request


def lock_invites(session: Session, request_id: int) -> list[Invite]:
    """A request's invites, locked in the order of their ids."""
    return list(
        session.scalars(
            select(Invite)
            .where(Invite.request_id == request_id)
            .order_by(Invite.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def win(session: Session, request: Request, *, now: datetime) -> bool:
    """Move a pending request to accepted, if it is pending before its deadline at this instant.

    The condition stands in the write itself: whoever finds it true has won, and nobody else can.
    """
    accepted = next_request_state(RequestState.PENDING, RequestEvent.ACCEPT)
    result = session.execute(
        update(Request)
        .where(Request.id == request.id, Request.state == RequestState.PENDING, Request.deadline > now)
        .values(state=accepted, closed_at=now)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    session.refresh(request)
    return result.rowcount == 1


def close_if_due(session: Session, request: Request, *, now: datetime) -> bool:
    """Close a pending request whose deadline has come: what every writer does first. True if it closed it."""
    if request.state is not RequestState.PENDING or can_answer(request.state, request.deadline, now=now):
        return False
    lock_invites(session, request.id)
    _close(session, request, deadline_event(standings(session, request.id)), now=now)
    return True


def close_if_nobody_left(session: Session, request: Request, *, now: datetime) -> bool:
    """Recount a pending request under its lock and close it when nobody is left who could answer."""
    if request.state is not RequestState.PENDING:
        return False
    event = closing_event(standings(session, request.id))
    if event is None:
        return False
    _close(session, request, event, now=now)
    return True


def standings(session: Session, request_id: int) -> list[InviteStanding]:
    """Each company's answer and mails, as closing needs them."""
    session.flush()
    mails: dict[int | None, list[MailState]] = {}
    alive: dict[int | None, list[MailState]] = {}
    found = select(Mail.invite_id, Mail.state, InviteAddress.company_address_id).join(
        InviteAddress, InviteAddress.id == Mail.invite_address_id
    )
    for invite_id, state, current in session.execute(
        found.where(Mail.request_id == request_id, Mail.kind == MailKind.INVITE)
    ):
        mails.setdefault(invite_id, []).append(state)
        if current is not None:  # the link of a removed address is dead
            alive.setdefault(invite_id, []).append(state)
    return [
        InviteStanding(answer, tuple(mails.get(invite_id, ())), tuple(alive.get(invite_id, ())))
        for invite_id, answer in session.execute(
            select(Invite.id, Invite.answer).where(Invite.request_id == request_id).order_by(Invite.id)
        )
    ]


def settle_invites(session: Session, request: Request, *, now: datetime) -> None:
    """After a request left pending: drop invites that have not left; tell those who were asked what became of it,
    those included who may have been asked by a try that broke off.

    A mail that a worker holds at this moment may be leaving; the worker settles it when it comes back.
    """
    for mail in outbox.mails_of(session, request.id, MailKind.INVITE):
        if mail.state is MailState.QUEUED and mail.lease_owner is None:
            outbox.move_mail(mail, MailEvent.DROP, now=now)
            after_drop(session, request, mail, now=now)
        elif mail.state is MailState.SENT:
            follow_up(session, request, mail, now=now)


def after_drop(session: Session, request: Request, mail: Mail, *, now: datetime) -> None:
    """A mail was dropped before it left: tell its reader what it would have told, or made needless to tell."""
    if mail.in_doubt or mail.kind is MailKind.FILLED:
        follow_up(session, request, mail, now=now)
    after_loss(session, request, mail, now=now)


def after_loss(session: Session, request: Request, mail: Mail, *, now: datetime) -> None:
    """A mail will not reach its reader: refused, given up, dropped. The last invite of a request closes it; the last
    confirmation of a winner and its last cancellation are told to the clinic, each time that happens."""
    if mail.kind is MailKind.INVITE:
        if not close_if_due(session, request, now=now):
            close_if_nobody_left(session, request, now=now)
        _tell_of_earlier(session, request, mail, now)
    elif (
        mail.kind is MailKind.CONFIRMATION
        and request.state is RequestState.ACCEPTED
        and not is_over(session, request)
        and not outbox.lives(session, MailKind.CONFIRMATION, mail.invite_id)
    ):
        _tell_clinic_of_loss(session, MailKind.CLINIC_CONFIRMATION_BOUNCED, request, mail, now)
    elif (
        mail.kind is MailKind.CANCELLATION
        and outbox.is_ahead(session, request.id, now=now)
        and not outbox.lives(session, MailKind.CANCELLATION, mail.invite_id)
    ):
        _tell_clinic_of_loss(session, MailKind.CLINIC_CANCELLATION_BOUNCED, request, mail, now)


def _tell_clinic_of_loss(session: Session, kind: MailKind, request: Request, lost: Mail, now: datetime) -> None:
    outbox.queue_to_clinic(session, kind, request, invite_id=lost.invite_id, event=str(lost.id), now=now)


def follow_up(session: Session, request: Request, mail: Mail, *, now: datetime) -> None:
    """A mail has left (or may have) for a company although the request is not what the mail says any more: queue what
    its reader has to know."""
    if mail.invite_address_id is None:
        return
    address = session.get_one(InviteAddress, mail.invite_address_id)
    invite = session.get_one(Invite, address.invite_id)
    if mail.kind in {MailKind.INVITE, MailKind.FILLED} and invite.answer is None:
        _tell_who_was_asked(session, request, invite, address, now)
    elif mail.kind in {MailKind.CONFIRMATION, MailKind.UPDATED} and is_over(session, request):
        outbox.queue_once_to_company(session, MailKind.CANCELLATION, request, address, now=now)


def is_over(session: Session, request: Request) -> bool:
    """Whether a winner holds nothing of the request any more: withdrawn, or all that was to come has left it."""
    session.flush()
    return request.state in WITHDRAWN_STATES or outbox.has_nothing_to_come(session, request.id)


def _tell_who_was_asked(
    session: Session, request: Request, invite: Invite, address: InviteAddress, now: datetime
) -> None:
    """Filled, or withdrawn: each once, and neither to whoever hears of these visits by a later request."""
    if request.state is RequestState.ACCEPTED:
        outbox.queue_once_to_company(session, MailKind.FILLED, request, address, now=now)
    elif (
        request.state in WITHDRAWN_STATES
        and not _hears_of_later(session, request, invite.company_id, address.email)
        and outbox.take_back(session, MailKind.FILLED, address, now=now)
    ):
        outbox.queue_once_to_company(session, MailKind.WITHDRAWN, request, address, now=now)


def _hears_of_later(session: Session, request: Request, company_id: int, email: str) -> bool:
    """Whether a later request about a visit of this one has asked the company anew, or told this address that there is
    nothing to do: whether its mail has left, or will."""
    session.flush()
    later = aliased(RequestVisit)
    news = and_(Mail.kind.in_((MailKind.FILLED, MailKind.WITHDRAWN)), Mail.recipient == email)
    return bool(
        session.scalar(
            select(
                exists().where(
                    RequestVisit.request_id == request.id,
                    later.visit_id == RequestVisit.visit_id,
                    later.request_id > request.id,
                    Invite.request_id == later.request_id,
                    Invite.company_id == company_id,
                    Mail.invite_id == Invite.id,
                    or_(Mail.kind == MailKind.INVITE, news),
                    Mail.state.in_((MailState.QUEUED, MailState.SENT)),
                )
            )
        )
    )


def _tell_of_earlier(session: Session, request: Request, lost: Mail, now: datetime) -> None:
    """An invite that was to take the place of an earlier one was dropped, refused or given up. If no other address got
    one either, its company holds the earlier one alone, and was told nothing when that was withdrawn: it is told now.

    Even if the new one may have left, unless news of that one is on its way: once too often is better than never.
    Locks an earlier request after a later one. Nobody waits for them the other way round: no visit points to a
    withdrawn request any more.
    """
    earlier, company_id = aliased(RequestVisit), session.get_one(Invite, lost.invite_id).company_id
    found = (
        select(InviteAddress.id, Request.id)
        .join(Invite, Invite.id == InviteAddress.invite_id)
        .join(Request, Request.id == Invite.request_id)
        .join(Mail, Mail.invite_address_id == InviteAddress.id)
        .join(earlier, earlier.request_id == Request.id)
        .join(RequestVisit, RequestVisit.visit_id == earlier.visit_id)
        .where(
            RequestVisit.request_id == request.id,
            Request.id < request.id,
            Request.state.in_(WITHDRAWN_STATES),
            Invite.company_id == company_id,
            Invite.answer.is_(None),
            Mail.kind == MailKind.INVITE,
            or_(Mail.state == MailState.SENT, Mail.in_doubt),
        )
        .order_by(Request.id.desc(), InviteAddress.id)
        .distinct()
    )
    for address_id, request_id in session.execute(found).all():
        address = session.get_one(InviteAddress, address_id)
        before, invite = lock_request(session, request_id), session.get_one(Invite, address.invite_id)
        _tell_who_was_asked(session, before, invite, address, now)


def addresses_of(session: Session, invite_id: int) -> list[InviteAddress]:
    """An invite's addresses, in the order they were asked; those too that the company has removed."""
    return list(
        session.scalars(select(InviteAddress).where(InviteAddress.invite_id == invite_id).order_by(InviteAddress.id))
    )


def current_addresses_of(session: Session, invite_id: int) -> list[InviteAddress]:
    """Those that still are the company's: who may learn the way into a meeting."""
    return [address for address in addresses_of(session, invite_id) if not address.is_removed]


def invite_of_link(session: Session, public_id: str) -> tuple[Invite, InviteAddress]:
    """The invite behind a verified link. Raises NotFoundError when there is none (any more)."""
    row = session.execute(
        select(Invite, InviteAddress)
        .join(InviteAddress, InviteAddress.invite_id == Invite.id)
        .where(InviteAddress.link_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return row[0], row[1]


def record_answer(
    session: Session, request: Request, invite: Invite, answer: Answer, responder: str, now: datetime
) -> None:
    """Write a company's answer and its line in the trail."""
    invite.answer, invite.responder, invite.answered_at = answer, responder, now
    event = AuditEvent.INVITE_ACCEPTED if answer is Answer.ACCEPTED else AuditEvent.INVITE_DECLINED
    record(
        session,
        event,
        clinic_id=request.clinic_id,
        by=Actor(invite_id=invite.id),
        now=now,
        request_id=request.id,
        invite_id=invite.id,
        moved=(None, answer),
    )


def record_move(session: Session, request: Request, before: RequestState, *, by: Actor, now: datetime) -> None:
    """Write a request's move into the trail."""
    record(
        session,
        AuditEvent.REQUEST_MOVED,
        clinic_id=request.clinic_id,
        by=by,
        now=now,
        request_id=request.id,
        moved=(before, request.state),
    )


def _close(session: Session, request: Request, event: RequestEvent, *, now: datetime) -> None:
    before = request.state
    state = next_request_state(before, event)
    if state is None:
        return
    request.state, request.closed_at = state, now
    record_move(session, request, before, by=SYSTEM, now=now)
    settle_invites(session, request, now=now)
    outbox.queue_to_clinic(session, _CLINIC_MAIL[state], request, now=now)
