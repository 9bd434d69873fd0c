"""Puts mails into the outbox, in the caller's transaction, and answers for a mail's lease."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from shared.models import Clinic, Invite, InviteAddress, Mail, PasswordLink, Request, RequestVisit, User, Visit
from shared.rules import RETRY_STEPS, is_pointless, lost_all_to_come
from shared.states import MailEvent, MailKind, MailState, VisitStatus, next_mail_state

ASSIGNING = (MailKind.CONFIRMATION, MailKind.UPDATED)
"""What tells a company that visits are its own, with the ways into the meeting."""

FOR_CURRENT = (MailKind.INVITE, *ASSIGNING)
"""What only an address that its company still has may get: a way to answer, or into the meeting."""

TO_USERS = (MailKind.USER_INVITE, MailKind.PASSWORD_RESET)
"""Mails to one person of the clinic about a password, not about a request."""


def queue_to_company(
    session: Session,
    kind: MailKind,
    request: Request,
    addresses: Iterable[InviteAddress],
    *,
    event: str = "",
    now: datetime,
) -> None:
    """Queue one mail to each address of an invite. The same kind to the same address of an invite goes out once.

    ``event`` tells apart what can happen to one invite more than once, such as updates.
    """
    for address in addresses:
        _queue(
            session,
            kind,
            clinic_id=request.clinic_id,
            request_id=request.id,
            recipient=address.email,
            key=f"{kind}:{request.id}:{address.id}" + (f":{event}" if event else ""),
            invite_id=address.invite_id,
            invite_address_id=address.id,
            now=now,
        )


def queue_to_clinic(
    session: Session,
    kind: MailKind,
    request: Request,
    *,
    invite_id: int | None = None,
    event: str = "",
    now: datetime,
) -> None:
    """Queue one mail to the visit's provider and one to the user who confirmed (one if they are one person).

    Whoever of them is inactive gets none; if that leaves nobody, the clinic's contact address gets it.
    ``event`` tells apart what can happen to one request more than once.
    """
    for email in clinic_recipients(session, request):
        _queue(
            session,
            kind,
            clinic_id=request.clinic_id,
            request_id=request.id,
            recipient=email,
            key=f"{kind}:{request.id}:{email}" + (f":{event}" if event else ""),
            invite_id=invite_id,
            now=now,
        )


def pass_on_news(session: Session, user: User, *, now: datetime) -> None:
    """News of requests that waits for somebody who is leaving the clinic: it goes to the others alone, or to the
    clinic's contact address if there are none."""
    waiting = session.scalars(
        select(Mail)
        .where(
            Mail.clinic_id == user.clinic_id,
            Mail.recipient == user.email,
            Mail.request_id.is_not(None),
            Mail.invite_address_id.is_(None),
            Mail.state == MailState.QUEUED,
            Mail.lease_owner.is_(None),
        )
        .order_by(Mail.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for mail in waiting:
        others = exists().where(
            Mail.request_id == mail.request_id,
            Mail.kind == mail.kind,
            Mail.recipient != user.email,
            Mail.state.in_((MailState.QUEUED, MailState.SENT)),
        )
        if session.scalar(select(others)):
            move_mail(mail, MailEvent.DROP, now=now)
        else:
            mail.recipient = session.get_one(Clinic, user.clinic_id).contact_email


def queue_to_user(session: Session, kind: MailKind, user: User, link: PasswordLink, *, now: datetime) -> None:
    """Queue the mail that brings one person of the clinic a link to set a password. One mail per link."""
    _queue(
        session,
        kind,
        clinic_id=user.clinic_id,
        recipient=user.email,
        key=user_mail_key(kind, link),
        password_link_id=link.id,
        now=now,
    )


def user_mail_key(kind: MailKind, link: PasswordLink) -> str:
    """The dedupe key of a password link's mail, by which it is found again."""
    return f"{kind}:{link.link_id}"


def clinic_recipients(session: Session, request: Request) -> list[str]:
    """Addresses of the clinic's people who are told about a request, each once, in a stable order."""
    providers = select(Visit.provider_id).join(RequestVisit, RequestVisit.visit_id == Visit.id)
    emails = session.scalars(
        select(User.email)
        .where(
            User.active,
            (User.id == request.created_by_id) | User.id.in_(providers.where(RequestVisit.request_id == request.id)),
        )
        .order_by(User.id)
    ).all()
    return list(emails) or [session.get_one(Clinic, request.clinic_id).contact_email]


def move_mail(mail: Mail, event: MailEvent, *, now: datetime, error: str = "") -> bool:
    """Settle a mail by the table of moves; False when it is settled already."""
    state = next_mail_state(mail.state, event)
    if state is None:
        return False
    mail.state = state
    mail.settled_at = now
    mail.lease_owner = mail.lease_until = None
    mail.last_error = error[:300]
    return True


def mails_of(session: Session, request_id: int, *kinds: MailKind) -> list[Mail]:
    """A request's mails of these kinds, locked in the order of their ids."""
    return list(
        session.scalars(
            select(Mail)
            .where(Mail.request_id == request_id, Mail.kind.in_(kinds))
            .order_by(Mail.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def queue_once_to_company(
    session: Session, kind: MailKind, request: Request, address: InviteAddress, *, now: datetime
) -> None:
    """Queue a mail to one address of an invite unless it is there already."""
    session.flush()
    if session.scalar(select(exists().where(Mail.invite_address_id == address.id, Mail.kind == kind))):
        return
    queue_to_company(session, kind, request, [address], now=now)


def lives(session: Session, kind: MailKind, invite_id: int | None) -> bool:
    """Whether a mail of this kind has left for the invite's company, or still may."""
    session.flush()
    alive = (MailState.QUEUED, MailState.SENT)
    found = exists().where(Mail.invite_id == invite_id, Mail.kind == kind, Mail.state.in_(alive))
    return bool(session.scalar(select(found)))


def has_no_point(session: Session, mail: Mail, *, now: datetime) -> bool:
    """Whether a mail about a request would tell its reader what is no longer so, or tell it to a stranger."""
    request = session.get_one(Request, mail.request_id)
    invite = session.get(Invite, mail.invite_id) if mail.invite_id else None
    answer, is_current = invite.answer if invite else None, _is_current(session, request.id)
    if is_pointless(
        mail.kind, state=request.state, deadline=request.deadline, answer=answer, is_current=is_current, now=now
    ):
        return True
    if mail.kind in FOR_CURRENT and is_to_removed_address(session, mail):
        return True
    if mail.kind in ASSIGNING:
        return has_nothing_to_come(session, request.id)
    if mail.kind is MailKind.CLINIC_CONFIRMATION_BOUNCED:
        return lives(session, MailKind.CONFIRMATION, mail.invite_id)
    if mail.kind is MailKind.CLINIC_CANCELLATION_BOUNCED:
        return not is_ahead(session, request.id, now=now) or lives(session, MailKind.CANCELLATION, mail.invite_id)
    return False


def is_to_removed_address(session: Session, mail: Mail) -> bool:
    """Whether the company has removed the mail's address since it was queued."""
    return mail.invite_address_id is not None and session.get_one(InviteAddress, mail.invite_address_id).is_removed


def has_nothing_to_come(session: Session, request_id: int) -> bool:
    """Whether an accepted request has lost all that was still to come."""
    offer = select(RequestVisit.left_at, RequestVisit.ends_at).where(RequestVisit.request_id == request_id)
    return lost_all_to_come((left_at, ends_at) for left_at, ends_at in session.execute(offer))


def is_ahead(session: Session, request_id: int, *, now: datetime) -> bool:
    """Whether something that the request's companies were told of is still to come."""
    found = exists().where(RequestVisit.request_id == request_id, RequestVisit.ends_at > now)
    return bool(session.scalar(select(found)))


def _is_current(session: Session, request_id: int) -> bool:
    """Whether a visit that is still to be points to the request; a cancelled one keeps its last request."""
    found = exists().where(Visit.request_id == request_id, Visit.status == VisitStatus.SCHEDULED)
    return bool(session.scalar(select(found)))


def take_back(session: Session, kind: MailKind, address: InviteAddress, *, now: datetime) -> bool:
    """Drop a mail to one address that has not left yet. False if it has left or may have: its reader knows."""
    drop_waiting(session, address, kind, now=now)
    return not any(mail.state in {MailState.QUEUED, MailState.SENT} for mail in mails_to(session, address, kind))


def drop_waiting(session: Session, address: InviteAddress, *kinds: MailKind, now: datetime) -> list[Mail]:
    """Drop the mails to one address that have not left yet, and return them. Those that no worker holds and none may
    have sent."""
    waiting = [
        mail
        for mail in mails_to(session, address, *kinds)
        if mail.state is MailState.QUEUED and mail.lease_owner is None and not mail.in_doubt
    ]
    for mail in waiting:
        move_mail(mail, MailEvent.DROP, now=now)
    return waiting


def queue_again(
    session: Session, lost: Mail, kind: MailKind, recipient: str, address: InviteAddress | None, *, now: datetime
) -> Mail:
    """Queue a mail that did not arrive anew: a row of its own, so that what became of the first can still be read."""
    mail = _queue(
        session,
        kind,
        clinic_id=lost.clinic_id,
        request_id=lost.request_id,
        recipient=recipient,
        key=f"again:{lost.id}:{recipient}",
        invite_id=lost.invite_id,
        invite_address_id=address.id if address else None,
        password_link_id=lost.password_link_id,
        now=now,
    )
    session.flush()
    return mail


def was_queued_again(session: Session, lost: Mail) -> bool:
    """Whether a mail that did not arrive was queued anew already."""
    again = exists().where(Mail.dedupe_key.startswith(f"again:{lost.id}:", autoescape=True))
    return bool(session.scalar(select(again)))


def mails_to(session: Session, address: InviteAddress, *kinds: MailKind) -> list[Mail]:
    """An invite's mails of these kinds to one address, locked in the order of their ids."""
    session.flush()
    return list(
        session.scalars(
            select(Mail)
            .where(Mail.invite_address_id == address.id, Mail.kind.in_(kinds))
            .order_by(Mail.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


Conditions = tuple[ColumnElement[bool], ...]


def ahead_of_time(lease: timedelta, *, now: datetime) -> tuple[Conditions, Conditions]:
    """Which queued mails wait, and which are leased, longer than a clock that was never set back would have it."""
    queued = Mail.state == MailState.QUEUED
    never_tried = (Mail.attempts == 0) & (Mail.next_try_at > now)
    put_off = (queued, or_(never_tried, Mail.next_try_at > now + RETRY_STEPS[-1]))
    return put_off, (queued, Mail.lease_until > now + lease)


def _queue(
    session: Session,
    kind: MailKind,
    *,
    clinic_id: int,
    recipient: str,
    key: str,
    request_id: int | None = None,
    invite_id: int | None = None,
    invite_address_id: int | None = None,
    password_link_id: int | None = None,
    now: datetime,
) -> Mail:
    mail = Mail(
        clinic_id=clinic_id,
        kind=kind,
        request_id=request_id,
        password_link_id=password_link_id,
        invite_id=invite_id,
        invite_address_id=invite_address_id,
        recipient=recipient,
        dedupe_key=key,
        message_id=secrets.token_hex(16),
        state=MailState.QUEUED,
        next_try_at=now,
        created_at=now,
    )
    session.add(mail)
    return mail
