"""What a company sees behind its link."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db import reading
from shared.mails import OfferVisit
from shared.models import Appointment, Clinic, Company, Invite, InviteAddress, InviteOpening, Request
from shared.queries._offers import has_nothing_to_come, offer_visits
from shared.queries.cards import reference_of
from shared.rules import InviteCase, invite_case
from shared.states import Answer
from shared.tokens import VerifiedLink


@dataclass(frozen=True, slots=True)
class InvitePage:
    """A company's page. ``case`` is the row of the table that applies now; guest link, dial-in and PIN are the
    winner's alone and empty for everybody else. No patient field exists here.

    ``declined``: this company itself declined and nobody has the visits, whether or not the request is still open.
    ``takes_reason``: it may still say why.
    """

    case: InviteCase
    declined: bool
    takes_reason: bool
    opened: bool
    clinic_name: str
    contact_phone: str
    contact_email: str
    company_name: str
    company_zone: str
    reference: str
    language_name: str
    language_short_name: str
    notes: str
    visits: tuple[OfferVisit, ...]
    deadline: datetime
    responder: str
    answered_at: datetime | None
    decline_reason: str
    guest_id: str
    dial_in_number: str
    pin: str

    @property
    def first(self) -> OfferVisit:
        """The visit that the headline names."""
        return self.visits[0]


def invite_page(link: VerifiedLink, *, now: datetime) -> InvitePage | None:
    """The page behind a verified invite link, or None when the link leads nowhere any more."""
    with reading() as session:
        row = session.execute(
            select(Invite, InviteAddress, Request, Company, Clinic, Appointment, InviteOpening)
            .join(InviteAddress, InviteAddress.invite_id == Invite.id)
            .join(Request, Request.id == Invite.request_id)
            .join(Company, Company.id == Invite.company_id)
            .join(Clinic, Clinic.id == Request.clinic_id)
            .join(Appointment, Appointment.id == Request.appointment_id)
            .outerjoin(InviteOpening, InviteOpening.invite_address_id == InviteAddress.id)
            .where(InviteAddress.link_id == link.public_id)
        ).one_or_none()
        if row is None:
            return None
        return _page(session, row, now)


def _page(session: Session, row: Any, now: datetime) -> InvitePage:
    """The page of a row; guest link, dial-in and PIN only for who holds something still to come."""
    invite, address, request, company, clinic, appointment, opening = row
    case = invite_case(request.state, invite.answer, request.deadline, removed=address.is_removed, now=now)
    offer = offer_visits(session, request.id)
    if case is InviteCase.WON and has_nothing_to_come(offer):
        case = InviteCase.WITHDRAWN
    won = case is InviteCase.WON
    declined = invite.answer is Answer.DECLINED and case in {InviteCase.DECLINED, InviteCase.CLOSED}
    return InvitePage(
        case=case,
        declined=declined,
        takes_reason=declined and not invite.decline_reason and request.notes_removed_at is None,
        opened=opening is not None,
        clinic_name=clinic.name,
        contact_phone=clinic.contact_phone,
        contact_email=clinic.contact_email,
        company_name=company.name,
        company_zone=company.time_zone,
        reference=reference_of(appointment.number),
        language_name=request.language_name,
        language_short_name=request.language_short_name,
        notes=request.notes,
        visits=tuple(visit for visit in offer if visit.left_at is None),
        deadline=request.deadline,
        responder=invite.responder,
        answered_at=invite.answered_at,
        decline_reason=invite.decline_reason,
        guest_id=invite.guest_id if won else "",
        dial_in_number=clinic.dial_in_number if won else "",
        pin=appointment.pin if won else "",
    )
