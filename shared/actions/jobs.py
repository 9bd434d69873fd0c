"""The heartbeat of each job."""

from datetime import datetime

from shared.db import transaction
from shared.models import JobRun


def mark_job_started(name: str, *, now: datetime) -> None:
    """A cycle of the job begins."""
    with transaction() as session:
        run = session.get(JobRun, name)
        if run is None:
            session.add(JobRun(name=name, started_at=now))
        else:
            run.started_at = now


def mark_job_completed(name: str, *, now: datetime) -> None:
    """A cycle of the job came to its end."""
    with transaction() as session:
        session.get_one(JobRun, name).completed_at = now
