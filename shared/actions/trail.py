"""Taking the audit trail out of the house, which is a line of the trail itself."""

from datetime import datetime

from sqlalchemy import exists, select

from shared.audit import Actor, AuditEvent, record
from shared.db import transaction
from shared.errors import DomainError, NotFoundError
from shared.models import Visit
from shared.rules import Scope


def note_trail_export(scope: Scope, *, visit_id: int | None = None, now: datetime) -> None:
    """Write down who takes a copy of the clinic's trail, or of one visit's, before the first line of it leaves.

    Raises DomainError for anybody who is no administrator, NotFoundError for a visit that the clinic does not have.
    """
    if not scope.may_administer:
        raise DomainError("Only an administrator of the clinic can download the audit trail.")
    with transaction() as session:
        known = exists().where(Visit.id == visit_id, Visit.clinic_id == scope.clinic_id)
        if visit_id is not None and not session.scalar(select(known)):
            raise NotFoundError
        record(
            session,
            AuditEvent.TRAIL_EXPORTED,
            clinic_id=scope.clinic_id,
            by=Actor(user_id=scope.user_id),
            now=now,
            visit_id=visit_id,
        )
