"""One statement that reads visits with all that their badges need; every page that shows badges uses it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, select
from sqlalchemy.orm import aliased

from shared.db import Base
from shared.models import Appointment, Company, Invite, InviteAddress, InviteOpening, Mail, Request, User, Visit
from shared.queries._badge import Badge, BadgeFacts, badge_of
from shared.rules import Sight
from shared.states import Answer, MailKind, MailState, VisitType


@dataclass(frozen=True, slots=True)
class VisitCard:
    """A visit as lists show it. ``over``: its badge can't change any more."""

    id: int
    reference: str
    patient_name: str
    reason: str
    provider_name: str
    visit_type: VisitType
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    over: bool
    badge: Badge


def reference_of(number: int) -> str:
    """An appointment's number as people say it."""
    return f"A-{number}"


def in_scope(scope: Sight) -> tuple[ColumnElement[bool], ...]:
    """What the scope may see of visits."""
    mine: tuple[ColumnElement[bool], ...] = (Visit.clinic_id == scope.clinic_id,)
    return mine if scope.provider_id is None else (*mine, Visit.provider_id == scope.provider_id)


def select_cards(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select visits, in the order of their start, with what card_of needs."""
    winner, winning_company = aliased(Invite), aliased(Company)
    invite_mail = (Mail.request_id == Visit.request_id, Mail.kind == MailKind.INVITE)
    told_of_bounce = Mail.kind == MailKind.CLINIC_CONFIRMATION_BOUNCED
    lives = (Mail.kind == MailKind.CONFIRMATION, Mail.state.in_((MailState.QUEUED, MailState.SENT)))
    return (
        select(
            Visit,
            Appointment.number,
            User.name.label("provider_name"),
            Request,
            _count(Invite, Invite.request_id == Visit.request_id).label("asked"),
            _count(Invite, Invite.request_id == Visit.request_id, Invite.answer == Answer.DECLINED).label("declined"),
            (_count(Mail, *invite_mail, Mail.state == MailState.SENT) > 0).label("any_sent"),
            _count(Mail, Mail.request_id == Visit.request_id, Mail.state == MailState.QUEUED).label("queued"),
            _opened().label("opened"),
            and_(
                _count(Mail, Mail.request_id == Visit.request_id, told_of_bounce) > 0,
                _count(Mail, Mail.request_id == Visit.request_id, *lives) == 0,
            ).label("confirmation_bounced"),
            winning_company.name.label("company_name"),
            winning_company.phone.label("company_phone"),
            winner.responder,
        )
        .join(Appointment, Appointment.id == Visit.appointment_id)
        .join(User, User.id == Visit.provider_id)
        .outerjoin(Request, Request.id == Visit.request_id)
        .outerjoin(winner, (winner.request_id == Request.id) & (winner.answer == Answer.ACCEPTED))
        .outerjoin(winning_company, winning_company.id == winner.company_id)
        .where(*conditions)
        .order_by(Visit.starts_at, Visit.id)
    )


def _opened() -> ScalarSelect[int]:
    """How many links of the visit's request were opened."""
    return (
        select(func.count())
        .select_from(InviteOpening)
        .join(InviteAddress, InviteAddress.id == InviteOpening.invite_address_id)
        .join(Invite, Invite.id == InviteAddress.invite_id)
        .where(Invite.request_id == Visit.request_id)
        .scalar_subquery()
    )


def _count(table: type[Base], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many rows belong to the visit of the outer statement."""
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


def card_of(row: Any, *, now: datetime) -> VisitCard:
    """A list's entry from a row of select_cards."""
    visit: Visit = row.Visit
    request: Request | None = row.Request
    return VisitCard(
        id=visit.id,
        reference=reference_of(row.number),
        patient_name=visit.patient_name,
        reason=visit.reason,
        provider_name=row.provider_name,
        visit_type=visit.visit_type,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        duration_minutes=visit.duration_minutes,
        time_zone=visit.time_zone,
        over=visit.ends_at <= now,
        badge=badge_of(
            BadgeFacts(
                visit_id=visit.id,
                status=visit.status,
                time_zone=visit.time_zone,
                state=request.state if request else None,
                deadline=request.deadline if request else None,
                language=request.language_short_name if request else "",
                asked=row.asked,
                declined=row.declined,
                any_sent=row.any_sent,
                queued=row.queued,
                opened=row.opened,
                company_name=row.company_name or "",
                company_phone=row.company_phone or "",
                responder=row.responder or "",
                confirmation_bounced=row.confirmation_bounced,
            ),
            now=now,
        ),
    )
