"""Meetings: the winner's lobby, the clinic's own door, and the meeting server's question which room a PIN opens."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from shared.db import reading
from shared.mails import OfferVisit
from shared.models import Appointment, Clinic, Company, Invite, Request, User, Visit
from shared.queries._offers import has_nothing_to_come, offer_visits
from shared.queries.cards import in_scope, reference_of
from shared.rules import JOIN_CLOSES, JOIN_OPENS, InviteCase, JoinWindow, Scope, invite_case, join_window
from shared.states import VisitStatus
from shared.tokens import VerifiedLink


@dataclass(frozen=True, slots=True)
class LobbyVisit:
    """One visit in the lobby, and whether its door is open."""

    offer: OfferVisit
    window: JoinWindow

    @property
    def opens_at(self) -> datetime:
        """When the door opens."""
        return self.offer.starts_at - JOIN_OPENS

    @property
    def closes_at(self) -> datetime:
        """When the door closes."""
        return self.offer.ends_at + JOIN_CLOSES


@dataclass(frozen=True, slots=True)
class Lobby:
    """What the winner sees behind the guest link. ``room`` leaves this dataclass only while a window is open."""

    clinic_name: str
    contact_phone: str
    contact_email: str
    company_name: str
    company_zone: str
    reference: str
    language_name: str
    notes: str
    responder: str
    visits: tuple[LobbyVisit, ...]
    dial_in_number: str
    pin: str
    room: str

    @property
    def open_visit(self) -> LobbyVisit | None:
        """The visit whose door is open now; the earlier of two."""
        return next((visit for visit in self.visits if visit.window is JoinWindow.OPEN), None)

    @property
    def next_visit(self) -> LobbyVisit:
        """The visit that is meant: the open one, else the next, else the last."""
        early = (visit for visit in self.visits if visit.window is JoinWindow.EARLY)
        return self.open_visit or next(early, self.visits[-1])


@dataclass(frozen=True, slots=True)
class Meeting:
    """The clinic's own door to a visit's room."""

    room: str
    attendee_name: str
    starts_at: datetime
    ends_at: datetime
    window: JoinWindow


@dataclass(frozen=True, slots=True)
class ClosedLobby:
    """What stands behind a guest link whose assignment is no more: whom to ask."""

    clinic_name: str
    contact_phone: str
    contact_email: str


def lobby(link: VerifiedLink, *, now: datetime) -> Lobby | ClosedLobby | None:
    """The lobby behind a verified guest link; closed unless this very assignment still stands; None if unknown."""
    with reading() as session:
        row = session.execute(
            select(Invite, Request, Company, Clinic, Appointment)
            .join(Request, Request.id == Invite.request_id)
            .join(Company, Company.id == Invite.company_id)
            .join(Clinic, Clinic.id == Request.clinic_id)
            .join(Appointment, Appointment.id == Request.appointment_id)
            .where(Invite.guest_id == link.public_id)
        ).one_or_none()
        if row is None:
            return None
        invite, request, company, clinic, appointment = row
        case = invite_case(request.state, invite.answer, request.deadline, now=now)
        offers = offer_visits(session, request.id)
        if case is not InviteCase.WON or has_nothing_to_come(offers):
            return ClosedLobby(clinic.name, clinic.contact_phone, clinic.contact_email)
        return Lobby(
            clinic_name=clinic.name,
            contact_phone=clinic.contact_phone,
            contact_email=clinic.contact_email,
            company_name=company.name,
            company_zone=company.time_zone,
            reference=reference_of(appointment.number),
            language_name=request.language_name,
            notes=request.notes,
            responder=invite.responder,
            visits=tuple(
                LobbyVisit(offer, join_window(offer.starts_at, offer.ends_at, now=now))
                for offer in offers
                if offer.left_at is None
            ),
            dial_in_number=clinic.dial_in_number,
            pin=appointment.pin,
            room=appointment.room,
        )


def visit_meeting(scope: Scope, visit_id: int, *, now: datetime) -> Meeting | None:
    """A visit's room for the clinic's own people; None for a visit that is not theirs or is cancelled."""
    with reading() as session:
        row = session.execute(
            select(Visit, Appointment, User.name)
            .join(Appointment, Appointment.id == Visit.appointment_id)
            .join(User, User.id == scope.user_id)
            .where(*in_scope(scope), Visit.id == visit_id, Visit.status == VisitStatus.SCHEDULED)
        ).one_or_none()
    if row is None:
        return None
    visit, appointment, name = row
    return Meeting(
        room=appointment.room,
        attendee_name=name,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        window=join_window(visit.starts_at, visit.ends_at, now=now),
    )


def conference_of_pin(pin: str, *, now: datetime) -> str | None:
    """The room that a PIN opens by telephone, until its last visit's Join window has closed."""
    with reading() as session:
        return session.scalar(
            select(Appointment.room)
            .join(Visit, Visit.appointment_id == Appointment.id)
            .where(
                Appointment.pin == pin,
                Visit.status == VisitStatus.SCHEDULED,
                Visit.ends_at > now - JOIN_CLOSES,
            )
            .limit(1)
        )
