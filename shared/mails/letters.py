"""What one mail is about. A letter never holds a patient's name, contact or reason: there is no field for them."""

from dataclasses import dataclass
from datetime import datetime

from shared.states import MailKind, VisitType


@dataclass(frozen=True, slots=True)
class OfferVisit:
    """One visit as the companies were told of it. Instants are UTC, ``time_zone`` is the visit's IANA zone."""

    visit_id: int
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    visit_type: VisitType
    provider_name: str


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that the mail of one outbox row can say. Company fields are empty in mails that name no company.

    ``link_id`` and ``guest_id`` are public ids; the renderer signs them into links.
    """

    kind: MailKind
    recipient: str
    message_id: str
    created_at: datetime
    clinic_name: str
    contact_phone: str
    contact_email: str
    reference: str
    language_name: str
    language_short_name: str
    notes: str
    visits: tuple[OfferVisit, ...]
    deadline: datetime
    asked: int
    declined: int
    company_name: str = ""
    company_phone: str = ""
    company_zone: str = ""
    responder: str = ""
    link_id: str = ""
    guest_id: str = ""
    assignment_id: int = 0
    dial_in_number: str = ""
    pin: str = ""

    @property
    def first(self) -> OfferVisit:
        """The visit that subject and headline name."""
        return self.visits[0]
