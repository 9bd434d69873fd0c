"""The tenant and its people."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, choice, text
from shared.states import Role


class Clinic(Base):
    """A clinic: owns everything else. ``next_appointment_number`` is taken under the row's lock.

    ``keep_patients_days`` and ``keep_contacts_days``: how long after a visit what names its patient, and what names the
    interpreter's side, is kept.
    """

    __tablename__ = "clinic"

    id: Mapped[Pk]
    name: Mapped[str] = mapped_column(text(120))
    time_zone: Mapped[str] = mapped_column(text(60))
    dispatch_enabled: Mapped[bool] = mapped_column(default=True)
    invite_duration_seconds: Mapped[int] = mapped_column(default=24 * 3600)
    contact_phone: Mapped[str] = mapped_column(text(40))
    contact_email: Mapped[str] = mapped_column(text(254))
    dial_in_number: Mapped[str] = mapped_column(text(40))
    second_factor_required: Mapped[bool] = mapped_column(default=False, server_default=false())
    next_appointment_number: Mapped[int] = mapped_column(default=10001)
    created_at: Mapped[datetime]
    keep_patients_days: Mapped[int] = mapped_column(default=365, server_default=sql("365"))
    keep_contacts_days: Mapped[int] = mapped_column(default=730, server_default=sql("730"))

    @property
    def invite_duration(self) -> timedelta:
        """How long companies have to answer, before the next visit's start cuts it short."""
        return timedelta(seconds=self.invite_duration_seconds)


class ClinicLanguage(Base):
    """A language that the clinic asks interpreters for; ``tag`` is BCP 47 (ISO 639-3 where there is no shorter)."""

    __tablename__ = "clinic_language"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(text(35), primary_key=True)
    name: Mapped[str] = mapped_column(text(80))
    short_name: Mapped[str] = mapped_column(text(40))


class User(Base):
    """Somebody of one clinic, with one role. ``email`` is lower case and unique over all clinics."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), index=True)
    email: Mapped[str] = mapped_column(text(254))
    name: Mapped[str] = mapped_column(text(120))
    role: Mapped[Role] = mapped_column(choice(Role))
    password_hash: Mapped[str | None] = mapped_column(text(200))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class PasswordLink(Base):
    """A mailed link that lets one person set a password, once, until ``expires_at``. ``link_id`` is public; the
    signature is the secret."""

    __tablename__ = "password_link"
    __table_args__ = (UniqueConstraint("link_id"),)

    id: Mapped[Pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    link_id: Mapped[str] = mapped_column(text(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UserSession(Base):
    """One login. The browser holds the token, this row its hash; without the row the token opens nothing."""

    __tablename__ = "user_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "created_at"))

    id: Mapped[Pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    token_hash: Mapped[str] = mapped_column(text(64))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
