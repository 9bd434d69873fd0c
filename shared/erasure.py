"""What erasing one patient's data would do, visit by visit: its preview shows it, and the erasure makes it again under
its locks. Nothing in it names the patient."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import Appointment, Request, Visit
from shared.privacy import is_to_come, patient_fields_of, reasons_of, requests_of, serves_a_visit_to_come
from shared.rules import Scope


@dataclass(frozen=True, slots=True)
class VisitErasure:
    """One visit that was chosen. ``held`` are the fields that hold something about the patient; they stay while the
    visit is to come."""

    id: int
    number: int
    starts_at: datetime
    time_zone: str
    version: int
    held: tuple[str, ...]
    is_to_come: bool

    @property
    def goes(self) -> bool:
        """Whether something of it is erased."""
        return bool(self.held) and not self.is_to_come


@dataclass(frozen=True, slots=True)
class NotesErasure:
    """A request's free texts. They stay while a visit to come, chosen or not, still needs what companies were told."""

    request_id: int
    number: int
    language_name: str
    created_at: datetime
    has_notes: bool
    reasons: int
    is_needed: bool


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What is erased and what stays."""

    visits: tuple[VisitErasure, ...]
    requests: tuple[NotesErasure, ...]

    @property
    def erased(self) -> tuple[VisitErasure, ...]:
        """The visits that lose their patient."""
        return tuple(visit for visit in self.visits if visit.goes)

    @property
    def silenced(self) -> tuple[NotesErasure, ...]:
        """The requests that lose their free texts."""
        return tuple(request for request in self.requests if not request.is_needed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be erased."""
        return not self.erased and not self.silenced

    def digest(self) -> str:
        """The same for the same plan: what a preview has shown is what is erased."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()


def plan_erasure(session: Session, scope: Scope, visit_ids: Sequence[int], *, now: datetime) -> ErasurePlan:
    """The plan for those of the visits that are the clinic's; others are not found."""
    rows = session.execute(
        select(Visit, Appointment.number)
        .join(Appointment, Appointment.id == Visit.appointment_id)
        .where(Visit.clinic_id == scope.clinic_id, Visit.id.in_(visit_ids))
        .order_by(Visit.starts_at, Visit.id)
    ).all()
    visits = tuple(_visit(visit, number, now) for visit, number in rows)
    gone = [visit.id for visit in visits if not visit.is_to_come]
    return ErasurePlan(visits, tuple(_notes(session, gone, now)))


def _visit(visit: Visit, number: int, now: datetime) -> VisitErasure:
    return VisitErasure(
        id=visit.id,
        number=number,
        starts_at=visit.starts_at,
        time_zone=visit.time_zone,
        version=visit.version,
        held=patient_fields_of(visit),
        is_to_come=is_to_come(visit, now=now),
    )


def _notes(session: Session, visit_ids: Sequence[int], now: datetime) -> list[NotesErasure]:
    """The requests of these visits that hold free texts."""
    rows = session.execute(
        select(Request, Appointment.number, serves_a_visit_to_come(now=now).label("is_needed"))
        .join(Appointment, Appointment.id == Request.appointment_id)
        .where(requests_of(visit_ids))
        .order_by(Request.id)
    ).all()
    found = []
    for request, number, is_needed in rows:
        reasons = len(reasons_of(session, request.id))
        if request.notes or reasons:
            found.append(
                NotesErasure(
                    request_id=request.id,
                    number=number,
                    language_name=request.language_name,
                    created_at=request.created_at,
                    has_notes=bool(request.notes),
                    reasons=reasons,
                    is_needed=bool(is_needed),
                )
            )
    return found
