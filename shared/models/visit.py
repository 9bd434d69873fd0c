"""Appointments, their visits, and the confirmations that made them."""

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, validates

from shared.db import Base, Pk, choice, text
from shared.states import Frequency, VisitStatus, VisitType
from shared.texts import folded


class Appointment(Base):
    """What the visits of a series share, and what a single visit has alone: number, meeting room, dial-in PIN."""

    __tablename__ = "appointment"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number"),
        UniqueConstraint("pin"),
        UniqueConstraint("room"),
    )

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    number: Mapped[int]
    room: Mapped[str] = mapped_column(text(60))
    pin: Mapped[str] = mapped_column(text(12))
    created_at: Mapped[datetime]


class Recurrence(Base):
    """The rule that a series follows from ``first_on`` on; a change for "this and following" begins a new one.

    ``weekdays`` (0 is Monday) belong to a weekly rule, ``month_day`` to a monthly one: 29 to 31 mean the last day of a
    shorter month. A rule ends after ``count`` dates or on ``until_on``, whichever of the two is set.
    """

    __tablename__ = "recurrence"

    id: Mapped[Pk]
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), index=True)
    frequency: Mapped[Frequency] = mapped_column(choice(Frequency))
    weekdays: Mapped[list[int]] = mapped_column(JSON, default=list)
    month_day: Mapped[int | None]
    first_on: Mapped[date]
    until_on: Mapped[date | None]
    count: Mapped[int | None]
    created_at: Mapped[datetime]


class Visit(Base):
    """One meeting of one patient with one provider. ``request_id`` is the current request, if any was made.

    ``version`` rises with every change of the row. ``ends_at`` is stored so that both ends can be searched.
    ``occurs_on`` is the date that the series' rule gave it, wherever it was moved since. ``patient_search`` is the
    patient's name as search compares it; it follows ``patient_name`` by itself. ``patient_removed_at``: when what names
    the patient was removed.
    """

    __tablename__ = "visit"
    __table_args__ = (
        # The search counts and pages through it alone, without a look at the rows.
        Index(None, "clinic_id", "starts_at", "status", "provider_id", "request_id"),
        Index(None, "provider_id", "starts_at"),
        Index(None, "appointment_id"),
        Index(None, "request_id"),
        Index(
            "ix_visit_patient_kept",
            "clinic_id",
            "ends_at",
            sqlite_where=sql("patient_removed_at IS NULL"),
            postgresql_where=sql("patient_removed_at IS NULL"),
        ),
    )

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))
    provider_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    patient_name: Mapped[str] = mapped_column(text(120))
    patient_contact: Mapped[str] = mapped_column(text(254), default="")
    reason: Mapped[str] = mapped_column(text(200), default="")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    duration_minutes: Mapped[int]
    time_zone: Mapped[str] = mapped_column(text(60))
    visit_type: Mapped[VisitType] = mapped_column(choice(VisitType))
    status: Mapped[VisitStatus] = mapped_column(choice(VisitStatus), default=VisitStatus.SCHEDULED)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    recurrence_id: Mapped[int | None] = mapped_column(ForeignKey("recurrence.id"))
    occurs_on: Mapped[date | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(text(300))
    patient_search: Mapped[str] = mapped_column(text(240), server_default=sql("''"))
    patient_removed_at: Mapped[datetime | None]

    @validates("patient_name")
    def _follow_patient_name(self, _key: str, name: str) -> str:
        """Two columns, one fact: whoever writes the name writes both."""
        self.patient_search = folded(name)[:240]
        return name


class Confirmation(Base):
    """A preview that was confirmed. Its key works once; ``digest`` tells the same content from another, and is empty
    once the patient was removed."""

    __tablename__ = "confirmation"
    __table_args__ = (Index(None, "visit_id"),)

    key: Mapped[str] = mapped_column(text(40), primary_key=True)
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    digest: Mapped[str] = mapped_column(text(64))
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"))
    created_at: Mapped[datetime]
