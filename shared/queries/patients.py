"""One patient's visits, for administrators: which may be the patient's, and what erasing them would do."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from shared.db import reading
from shared.erasure import ErasurePlan, plan_erasure
from shared.models import Appointment, User, Visit
from shared.privacy import is_to_come
from shared.queries.cards import reference_of
from shared.rules import Scope
from shared.texts import folded

MOST_VISITS = 400
"""How many visits one search shows, and one file or erasure is for."""

_SEPARATORS = " -().+/x"
"""What telephone numbers are written with beside digits."""


@dataclass(frozen=True, slots=True)
class FoundVisit:
    """A visit whose patient fits a search."""

    id: int
    reference: str
    starts_at: datetime
    time_zone: str
    provider_name: str
    reason: str
    status: str
    is_to_come: bool


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """Visits under one name and one contact, by their start: one person's, as far as can be told."""

    name: str
    contact: str
    visits: tuple[FoundVisit, ...]


@dataclass(frozen=True, slots=True)
class FoundPatients:
    """What a search found. ``has_more``: more visits match than are shown."""

    patients: tuple[FoundPatient, ...]
    has_more: bool

    @property
    def visit_ids(self) -> tuple[int, ...]:
        """All visits found."""
        return tuple(visit.id for patient in self.patients for visit in patient.visits)


def find_patients(scope: Scope, name: str, contact: str, *, now: datetime) -> FoundPatients:
    """The clinic's visits whose patient fits name and contact (an empty one does not count), cancelled and past ones
    too. Patients whose data was removed are not found by either."""
    found = (
        select(Visit, Appointment.number, User.name.label("provider_name"))
        .join(Appointment, Appointment.id == Visit.appointment_id)
        .join(User, User.id == Visit.provider_id)
        .where(Visit.clinic_id == scope.clinic_id, Visit.patient_removed_at.is_(None), *_fits(name, contact))
        .order_by(Visit.patient_search, Visit.patient_contact, Visit.starts_at, Visit.id)
        .limit(MOST_VISITS + 1)
    )
    by_person: dict[tuple[str, str], list[FoundVisit]] = defaultdict(list)
    with reading() as session:
        rows = session.execute(found).all()
    for visit, number, provider_name in rows[:MOST_VISITS]:
        by_person[visit.patient_name, visit.patient_contact].append(
            FoundVisit(
                id=visit.id,
                reference=reference_of(number),
                starts_at=visit.starts_at,
                time_zone=visit.time_zone,
                provider_name=provider_name,
                reason=visit.reason,
                status=visit.status.value,
                is_to_come=is_to_come(visit, now=now),
            )
        )
    patients = tuple(FoundPatient(*person, tuple(visits)) for person, visits in by_person.items())
    return FoundPatients(patients, has_more=len(rows) > MOST_VISITS)


def erasure_plan(scope: Scope, visit_ids: Sequence[int], *, now: datetime) -> ErasurePlan:
    """What erasing the patient of these visits would do now."""
    with reading() as session:
        return plan_erasure(session, scope, visit_ids, now=now)


def _fits(name: str, contact: str) -> list[ColumnElement[bool]]:
    """Every word of the name; the contact as far as it was written, whatever stands between a number's digits."""
    found = [Visit.patient_search.contains(word, autoescape=True) for word in folded(name).split()]
    if "@" in contact:
        found.append(func.lower(Visit.patient_contact).contains(contact.lower(), autoescape=True))
    elif contact:
        found.append(_digits(Visit.patient_contact).contains("".join(filter(str.isdigit, contact)), autoescape=True))
    return found


def _digits(column: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    for separator in _SEPARATORS:
        column = func.replace(column, separator, "")
    return column
