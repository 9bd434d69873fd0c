"""A visit with the others of its appointment, as a change needs them."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.errors import NotFoundError
from shared.models import Clinic, Company, Invite, Recurrence, Request, Visit
from shared.plan import VisitDraft
from shared.repeat import Repeat
from shared.rules import Scope, can_answer
from shared.states import Answer, Reach, RequestState, VisitStatus


@dataclass(frozen=True, slots=True)
class Winner:
    """The company that accepted a request."""

    invite_id: int
    company_id: int
    company_name: str


@dataclass(frozen=True, slots=True)
class Family:
    """``base`` is the visit meant, ``visits`` are all scheduled ones of its appointment (by start, ``base`` among them
    if it is scheduled), ``requests`` the current ones of these by id."""

    scope: Scope
    clinic: Clinic
    base: Visit
    visits: tuple[Visit, ...]
    requests: dict[int, Request]
    recurrences: dict[int, Recurrence]
    now: datetime

    def request_of(self, visit: Visit) -> Request | None:
        """The visit's current request."""
        return self.requests.get(visit.request_id or 0)

    def is_pending(self, request: Request) -> bool:
        """Whether it can still be answered; past its deadline it counts as closed, swept or not."""
        return can_answer(request.state, request.deadline, now=self.now)

    def is_accepted(self, request: Request) -> bool:
        """Whether some company holds it."""
        return request.state is RequestState.ACCEPTED

    def reached(self, reach: Reach, only: tuple[int, ...] = ()) -> list[Visit]:
        """The visits that a change with this reach is for, past ones included; ``only`` names them instead."""
        mine = [visit for visit in self.visits if self._in_scope(visit)]
        if only:
            return [visit for visit in mine if visit.id in only]
        if reach is Reach.THIS:
            return [visit for visit in mine if visit.id == self.base.id]
        if reach is Reach.ALL or self.base.occurs_on is None:
            return mine
        return [visit for visit in mine if visit.occurs_on is not None and visit.occurs_on >= self.base.occurs_on]

    def _in_scope(self, visit: Visit) -> bool:
        return self.scope.provider_id is None or visit.provider_id == self.scope.provider_id


def read_family(session: Session, scope: Scope, visit_id: int, *, now: datetime) -> Family:
    """The visit and its family. Raises NotFoundError for a visit that is not the scope's."""
    found = select(Visit).where(Visit.id == visit_id, Visit.clinic_id == scope.clinic_id)
    if scope.provider_id is not None:
        found = found.where(Visit.provider_id == scope.provider_id)
    base = session.scalars(found).one_or_none()
    if base is None:
        raise NotFoundError
    visits = session.scalars(
        select(Visit)
        .where(Visit.appointment_id == base.appointment_id, Visit.status == VisitStatus.SCHEDULED)
        .order_by(Visit.starts_at, Visit.id)
    ).all()
    request_ids = {visit.request_id for visit in (*visits, base) if visit.request_id is not None}
    requests = session.scalars(select(Request).where(Request.id.in_(request_ids)).order_by(Request.id))
    recurrences = session.scalars(select(Recurrence).where(Recurrence.appointment_id == base.appointment_id))
    return Family(
        scope=scope,
        clinic=session.get_one(Clinic, scope.clinic_id),
        base=base,
        visits=tuple(visits),
        requests={request.id: request for request in requests},
        recurrences={recurrence.id: recurrence for recurrence in recurrences},
        now=now,
    )


def draft_of(session: Session, family: Family, visit: Visit) -> VisitDraft:
    """The visit as its form shows it: wall time in its own zone, its rule from this date on."""
    request = family.request_of(visit)
    local = visit.starts_at.astimezone(ZoneInfo(visit.time_zone))
    return VisitDraft(
        patient_name=visit.patient_name,
        patient_contact=visit.patient_contact,
        provider_id=visit.provider_id,
        day=local.date(),
        wall=local.time().replace(fold=0),
        duration_minutes=visit.duration_minutes,
        visit_type=visit.visit_type,
        reason=visit.reason,
        language_tag=request.language_tag if request else "",
        picks=picks_of(session, request) if request else (),
        notes=request.notes if request else "",
        repeat=_rule_from(family, visit),
    )


def picks_of(session: Session, request: Request) -> tuple[str, ...]:
    """The companies and groups that were ticked; for a request older than that column the companies asked."""
    if request.picks is not None:
        return tuple(request.picks)
    ids = session.scalars(select(Invite.company_id).where(Invite.request_id == request.id).order_by(Invite.position))
    return tuple(f"company:{company_id}" for company_id in ids)


def winner_of(session: Session, request_id: int) -> Winner | None:
    """Who accepted the request, if somebody did."""
    row = session.execute(
        select(Invite.id, Company.id, Company.name)
        .join(Company, Company.id == Invite.company_id)
        .where(Invite.request_id == request_id, Invite.answer == Answer.ACCEPTED)
    ).one_or_none()
    return None if row is None else Winner(row[0], row[1], row[2])


def waiting_names(session: Session, request_id: int) -> tuple[str, ...]:
    """The companies that were asked and have not answered, in the order they were asked."""
    return tuple(
        session.scalars(
            select(Company.name)
            .join(Invite, Invite.company_id == Company.id)
            .where(Invite.request_id == request_id, Invite.answer.is_(None))
            .order_by(Invite.position)
        )
    )


def _rule_from(family: Family, visit: Visit) -> Repeat | None:
    """The rule of the visit's series as it goes on from the visit's own date; None outside a series."""
    recurrence = family.recurrences.get(visit.recurrence_id or 0)
    if recurrence is None or visit.occurs_on is None:
        return None
    rule = rule_of(recurrence)
    if rule.count is None:
        return rule
    return replace(rule, count=sum(day >= visit.occurs_on for day in rule.dates(recurrence.first_on)))


def rule_of(recurrence: Recurrence) -> Repeat:
    """The rule that a row holds."""
    return Repeat(
        frequency=recurrence.frequency,
        weekdays=tuple(recurrence.weekdays),
        month_day=recurrence.month_day,
        until=recurrence.until_on,
        count=recurrence.count,
    )
