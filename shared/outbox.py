"""Puts mails into the outbox, in the caller's transaction, and answers for a mail's lease."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import Clinic, Invite, InviteAddress, Mail, Request, RequestVisit, User, Visit
from shared.states import MailEvent, MailKind, MailState, next_mail_state


def queue_to_company(
    session: Session, kind: MailKind, request: Request, addresses: Iterable[InviteAddress], *, now: datetime
) -> None:
    """Queue one mail to each address of an invite. The same kind to the same address of an invite goes out once."""
    for address in addresses:
        _queue(
            session,
            kind,
            request,
            recipient=address.email,
            key=f"{kind}:{request.id}:{address.id}",
            invite_id=address.invite_id,
            invite_address_id=address.id,
            now=now,
        )


def queue_to_clinic(
    session: Session, kind: MailKind, request: Request, *, invite_id: int | None = None, now: datetime
) -> None:
    """Queue one mail to the visit's provider and one to the user who confirmed (one if they are one person).

    Whoever of them is inactive gets none; if that leaves nobody, the clinic's contact address gets it.
    """
    for email in clinic_recipients(session, request):
        _queue(
            session,
            kind,
            request,
            recipient=email,
            key=f"{kind}:{request.id}:{email}",
            invite_id=invite_id,
            now=now,
        )


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


def invite_mails(session: Session, request_id: int) -> list[Mail]:
    """A request's invite mails, locked in the order of their ids."""
    return list(
        session.scalars(
            select(Mail)
            .join(Invite, Invite.id == Mail.invite_id)
            .where(Mail.request_id == request_id, Mail.kind == MailKind.INVITE)
            .order_by(Mail.id)
            .with_for_update(of=Mail, key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def _queue(
    session: Session,
    kind: MailKind,
    request: Request,
    *,
    recipient: str,
    key: str,
    invite_id: int | None = None,
    invite_address_id: int | None = None,
    now: datetime,
) -> None:
    session.add(
        Mail(
            clinic_id=request.clinic_id,
            kind=kind,
            request_id=request.id,
            invite_id=invite_id,
            invite_address_id=invite_address_id,
            recipient=recipient,
            dedupe_key=key,
            message_id=secrets.token_hex(16),
            state=MailState.QUEUED,
            next_try_at=now,
            created_at=now,
        )
    )
