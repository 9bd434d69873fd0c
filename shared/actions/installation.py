"""What whoever runs the installation does from the command line: create a clinic with its first admin, let somebody in
who has lost the second factor."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.actions._accounts import end_sessions, lock_user
from shared.actions._logins import drop_factor
from shared.actions._saving import SaveResult, invalid, saved
from shared.audit import SYSTEM, About, AuditEvent, record
from shared.db import transaction
from shared.errors import DomainError
from shared.models import Clinic, ClinicLanguage, User
from shared.passwords import hash_password
from shared.states import Role

NAME_TAKEN = "A clinic has this name already. Choose another name."
EMAIL_TAKEN = "Somebody has this mail address already, in this clinic or another. Use another address."


@dataclass(frozen=True, slots=True)
class NewClinic:
    """What a clinic starts with."""

    name: str
    time_zone: str
    contact_phone: str
    contact_email: str
    dial_in_number: str


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Who sets up the rest, in the portal. ``email`` is lower case."""

    name: str
    email: str


def create_clinic(wanted: NewClinic, admin: FirstAdmin, *, password: str, now: datetime) -> SaveResult:
    """Create a clinic with American Sign Language and its first admin, who can log in at once.

    Nothing is created while another clinic has the name (capitals aside) or anybody the admin's address.
    """
    password_hash = hash_password(password)  # outside the transaction: it is slow on purpose
    try:
        with transaction() as session:
            _one_at_a_time(session)
            errors = _taken(session, wanted, admin)
            if errors:
                return invalid(errors)
            clinic = Clinic(**asdict(wanted), created_at=now)
            session.add(clinic)
            session.flush()
            session.add(ClinicLanguage(clinic_id=clinic.id, tag="ase", name="American Sign Language", short_name="ASL"))
            session.add(
                User(
                    clinic_id=clinic.id,
                    email=admin.email,
                    name=admin.name,
                    role=Role.ADMIN,
                    password_hash=password_hash,
                    created_at=now,
                )
            )
            about = About("clinic", clinic.id)
            record(session, AuditEvent.CLINIC_CREATED, clinic_id=clinic.id, by=SYSTEM, now=now, about=about)
            return saved(clinic.id)
    except IntegrityError:  # an administrator invited the same address in this moment
        return invalid({"admin_email": EMAIL_TAKEN})


def reset_factor_of(email: str, *, now: datetime) -> str:
    """Take away the second factor of whoever has the address, and log them out everywhere: for an administrator whom no
    other can help. Gives the person's name. Raises DomainError if there is nobody, or nothing to take away."""
    with transaction() as session:
        user_id = session.scalar(select(User.id).where(User.email == email.strip().lower()))
        if user_id is None:
            raise DomainError("Nobody has this mail address.")
        user = lock_user(session, user_id)
        if not drop_factor(session, user, now=now):
            raise DomainError(f"{user.name} has no second factor.")
        end_sessions(session, user, now=now)
        about = About("user", user.id)
        record(session, AuditEvent.FACTOR_RESET, clinic_id=user.clinic_id, by=SYSTEM, now=now, about=about)
        return user.name


def _one_at_a_time(session: Session) -> None:
    """No constraint keeps names apart, so that creations wait for each other. On SQLite all writers do."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql("LOCK TABLE clinic IN SHARE ROW EXCLUSIVE MODE"))


def _taken(session: Session, wanted: NewClinic, admin: FirstAdmin) -> Mapping[str, str]:
    errors = {}
    if any(name.casefold() == wanted.name.casefold() for name in session.scalars(select(Clinic.name))):
        errors["name"] = NAME_TAKEN
    if session.scalar(select(User.id).where(User.email == admin.email)) is not None:
        errors["admin_email"] = EMAIL_TAKEN
    return errors
