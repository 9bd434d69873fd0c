"""Mail that did not arrive: whether it can be sent again, and to whom. In the caller's look at the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from shared import outbox
from shared.models import CompanyAddress, Invite, InviteAddress, Mail, PasswordLink, Request, User
from shared.records import addresses_of
from shared.rules import password_link_holds
from shared.states import MailKind, MailState

LOST = (MailState.BOUNCED, MailState.DEAD)

COMES_BACK = "Mail to this address comes back. Correct it in the company's record, or say there that it works again."
NO_ADDRESS = "The company has no address that works. Correct one in its record first."
OTHERS_HAVE_IT = "Another address has got it, or is about to."
LATER_MAIL = "A later mail took its place."
OVER = "What it is about is over."
NEW_LINK = "Its link no longer works. Send a new one from the list of users."
NO_LONGER_SO = "What it says is no longer so."
CLOSED = "Its request can't be answered any more. Ask again from the visit."


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to get a mail again; ``address`` for a company's."""

    email: str
    address: CompanyAddress | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """How a lost mail can be sent again: to whom, and as which kind of mail. ``why_not``: why it can't be."""

    why_not: str
    to: tuple[Recipient, ...] = ()
    kind: MailKind = MailKind.INVITE


def again(session: Session, mail: Mail, *, now: datetime) -> Again:
    """How a lost mail can be sent again now.

    It goes to the same address, unless the company, or the clinic, has others for it by now. News of a change goes as
    a confirmation, which says how things are.
    """
    if mail.request_id is None:
        return _password_again(session, mail, now)
    if not outbox.is_ahead(session, mail.request_id, now=now):
        return Again(OVER)
    if outbox.has_no_point(session, mail, now=now):
        return Again(CLOSED if mail.kind is MailKind.INVITE else NO_LONGER_SO)
    if mail.invite_address_id is not None:
        return _to_company(session, mail, session.get_one(InviteAddress, mail.invite_address_id))
    return _to_clinic(session, mail)


def kinds_like(kind: MailKind) -> tuple[MailKind, ...]:
    """The kinds of mail of which the newest says all that the others said."""
    return outbox.ASSIGNING if kind in outbox.ASSIGNING else (kind,)


def _to_company(session: Session, mail: Mail, told: InviteAddress) -> Again:
    kind = MailKind.CONFIRMATION if mail.kind in outbox.ASSIGNING else mail.kind
    if told.company_address_id is not None:
        address = session.get_one(CompanyAddress, told.company_address_id)
        if address.refused_at is not None:
            return Again(COMES_BACK)
        if _came_later(session, mail, Mail.invite_address_id == told.id):
            return Again(LATER_MAIL)
        return Again("", (Recipient(address.email, address),), kind)
    company_id = session.get_one(Invite, told.invite_id).company_id
    working = [address for address in addresses_of(session, company_id) if address.refused_at is None]
    if not working:
        return Again(NO_ADDRESS)
    unheard = [one for one in working if not _has_it(session, mail, one.email, Mail.invite_id == told.invite_id)]
    to = tuple(Recipient(address.email, address) for address in unheard)
    return Again("" if to else OTHERS_HAVE_IT, to, kind)


def _to_clinic(session: Session, mail: Mail) -> Again:
    people = outbox.clinic_recipients(session, session.get_one(Request, mail.request_id))
    same = Mail.request_id == mail.request_id
    if mail.recipient in people:
        later = _came_later(session, mail, same, Mail.recipient == mail.recipient)
        return Again(LATER_MAIL) if later else Again("", (Recipient(mail.recipient),), mail.kind)
    to = tuple(Recipient(email) for email in people if not _has_it(session, mail, email, same))
    return Again("" if to else OTHERS_HAVE_IT, to, mail.kind)


def _password_again(session: Session, mail: Mail, now: datetime) -> Again:
    if mail.password_link_id is None:  # removed, as dead links are after a while
        return Again(NEW_LINK)
    link = session.get_one(PasswordLink, mail.password_link_id)
    user = session.get_one(User, link.user_id)
    if not password_link_holds(active=user.active, used_at=link.used_at, expires_at=link.expires_at, now=now):
        return Again(NEW_LINK)
    if _came_later(session, mail, Mail.password_link_id == link.id):
        return Again(LATER_MAIL)
    return Again("", (Recipient(user.email),), mail.kind)


def _came_later(session: Session, mail: Mail, *same: ColumnElement[bool]) -> bool:
    """Whether the same reader was to get a later mail that says as much, whatever became of that."""
    later = exists().where(
        *same, Mail.kind.in_(kinds_like(mail.kind)), Mail.id > mail.id, Mail.state != MailState.DROPPED
    )
    return bool(session.scalar(select(later)))


def _has_it(session: Session, mail: Mail, email: str, same: ColumnElement[bool]) -> bool:
    """Whether a mail that says as much has left for this address, or still may."""
    alive = Mail.state.in_((MailState.QUEUED, MailState.SENT))
    found = exists().where(same, Mail.kind.in_(kinds_like(mail.kind)), Mail.recipient == email, alive)
    return bool(session.scalar(select(found)))
