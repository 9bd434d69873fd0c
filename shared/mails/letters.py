"""What one mail is about. A letter never holds a patient's name, contact or reason: there is no field for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from shared.repeat import Repeat
from shared.states import MailKind, VisitType

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class OfferVisit:
    """One visit as the companies were told of it. Instants are UTC, ``time_zone`` is the visit's IANA zone.

    ``recurrence_id`` and ``occurs_on`` place it in a series; ``left_at``: since when an accepted request lacks it.
    """

    visit_id: int
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    visit_type: VisitType
    provider_name: str
    recurrence_id: int | None = None
    occurs_on: date | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that the mail of one outbox row can say. Company fields are empty in mails that name no company.

    ``link_id`` and ``guest_id`` are public ids; the renderer signs them into links. ``left`` are visits that the
    assignment once had, ``rules`` its series' rules by recurrence id, ``sequence`` its calendar entry's.
    ``called_off``: the visits were cancelled, not only taken back. ``past``: visits that were over by then, which
    stay in the calendar. ``changed`` are words for what an update tells; ``replaces``: the company was asked about one
    of these visits before. ``keeps_room``: the company still has other visits of the appointment. ``own_visit_id``:
    the visit that a provider's mail leads to; the first for everybody else.
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
    left: tuple[OfferVisit, ...] = ()
    past: tuple[OfferVisit, ...] = ()
    rules: Mapping[int, Repeat] = field(default_factory=dict)
    sequence: int = 0
    called_off: bool = False
    changed: tuple[str, ...] = ()
    replaces: bool = False
    keeps_room: bool = False
    own_visit_id: int | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the mail ends an assignment."""
        return self.kind is MailKind.CANCELLATION

    @property
    def just_left(self) -> tuple[OfferVisit, ...]:
        """The visits whose leaving this mail tells."""
        return tuple(visit for visit in self.left if visit.left_at == self.created_at)

    @property
    def first(self) -> OfferVisit:
        """The visit that subject and headline name."""
        return self.visits[0]

    def legible(self) -> "Letter":
        """The letter with a space for every control character: one of them would make its mail impossible to render.

        Notes keep their lines, with at most one empty line between two; everything else is one line.
        """
        return replace(
            self,
            clinic_name=_one_line(self.clinic_name),
            contact_phone=_one_line(self.contact_phone),
            contact_email=_one_line(self.contact_email),
            reference=_one_line(self.reference),
            language_name=_one_line(self.language_name),
            language_short_name=_one_line(self.language_short_name),
            notes=_lines(self.notes),
            visits=tuple(replace(visit, provider_name=_one_line(visit.provider_name)) for visit in self.visits),
            left=tuple(replace(visit, provider_name=_one_line(visit.provider_name)) for visit in self.left),
            past=tuple(replace(visit, provider_name=_one_line(visit.provider_name)) for visit in self.past),
            company_name=_one_line(self.company_name),
            company_phone=_one_line(self.company_phone),
            responder=_one_line(self.responder),
            dial_in_number=_one_line(self.dial_in_number),
        )


@dataclass(frozen=True, slots=True)
class PasswordLetter:
    """A mail that brings one person of the clinic a link to set a password until ``expires_at``, told in the clinic's
    zone. ``link_id`` is a public id; the renderer signs it into the link."""

    kind: MailKind
    recipient: str
    message_id: str
    created_at: datetime
    clinic_name: str
    contact_phone: str
    contact_email: str
    person: str
    link_id: str
    expires_at: datetime
    time_zone: str

    def legible(self) -> "PasswordLetter":
        """The letter with a space for every control character."""
        return replace(
            self,
            clinic_name=_one_line(self.clinic_name),
            contact_phone=_one_line(self.contact_phone),
            contact_email=_one_line(self.contact_email),
            person=_one_line(self.person),
        )


def _one_line(text: str) -> str:
    """Without control characters, and without the start of an encoded word: a header decodes it, line ends included."""
    return _CONTROL.sub(" ", text).replace("=?", "= ?")


def _lines(text: str) -> str:
    lines = (_one_line(line).rstrip() for line in text.splitlines())
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
