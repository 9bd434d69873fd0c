"""What whoever runs the installation wants to see: its clinics, and when its jobs last ran."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from shared.db import reading
from shared.models import Clinic, JobRun, User
from shared.states import Role


@dataclass(frozen=True, slots=True)
class InstalledClinic:
    """A clinic. ``has_admin``: somebody active with a password can log in as its admin."""

    name: str
    has_admin: bool


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a job last began, and when it last came to its end; None: never."""

    started_at: datetime
    completed_at: datetime | None


def installed_clinics() -> tuple[InstalledClinic, ...]:
    """All clinics, oldest first."""
    admin = exists().where(
        User.clinic_id == Clinic.id, User.role == Role.ADMIN, User.active, User.password_hash.is_not(None)
    )
    with reading() as session:
        rows = session.execute(select(Clinic.name, admin).order_by(Clinic.id)).all()
    return tuple(InstalledClinic(name, has_admin) for name, has_admin in rows)


def heartbeats() -> dict[str, Heartbeat]:
    """When each job last ran, by its name."""
    with reading() as session:
        return {run.name: Heartbeat(run.started_at, run.completed_at) for run in session.scalars(select(JobRun))}
