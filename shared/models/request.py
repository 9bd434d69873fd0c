"""One question to several companies: the request, the offer as it was told, and each company's copy."""

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, choice, text
from shared.states import Answer, RequestState, VisitType


class Request(Base):
    """A request and the part of its offer that all its visits share, as told to the companies.

    The offer is kept here because a visit may change later, and a mail about the old date must still name it.
    ``picks`` are the companies and groups ticked on the form (None: the request is older than this column).
    ``notes_removed_at``: when the notes and the reasons for declining were removed, which may speak of the patient;
    ``contacts_removed_at``: when the names of those who answered and the addresses that were written to were.
    """

    __tablename__ = "request"
    __table_args__ = (
        Index(None, "state", "deadline"),
        Index(None, "clinic_id", "state", "deadline"),
        *(
            Index(
                f"ix_request_{kept}_kept",
                "clinic_id",
                "created_at",
                sqlite_where=sql(f"{kept}_removed_at IS NULL"),
                postgresql_where=sql(f"{kept}_removed_at IS NULL"),
            )
            for kept in ("notes", "contacts")
        ),
    )

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), index=True)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    language_tag: Mapped[str] = mapped_column(text(35))
    language_name: Mapped[str] = mapped_column(text(80))
    language_short_name: Mapped[str] = mapped_column(text(40))
    notes: Mapped[str] = mapped_column(text(1000), default="")
    state: Mapped[RequestState] = mapped_column(choice(RequestState))
    deadline: Mapped[datetime]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    picks: Mapped[list[str] | None] = mapped_column(JSON)
    notes_removed_at: Mapped[datetime | None]
    contacts_removed_at: Mapped[datetime | None]


class RequestVisit(Base):
    """One visit of the offer, as told. ``left_at``: when it left an accepted request, which lives on with the rest.

    ``recurrence_id`` and ``occurs_on`` are the visit's when it was told: a calendar entry keeps its rule.
    """

    __tablename__ = "request_visit"

    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"), primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"), primary_key=True, index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    duration_minutes: Mapped[int]
    time_zone: Mapped[str] = mapped_column(text(60))
    visit_type: Mapped[VisitType] = mapped_column(choice(VisitType))
    provider_name: Mapped[str] = mapped_column(text(120))
    left_at: Mapped[datetime | None]
    recurrence_id: Mapped[int | None] = mapped_column(ForeignKey("recurrence.id"))
    occurs_on: Mapped[date | None]


class Invite(Base):
    """One company's copy of a request and its answer. ``guest_id`` names the winner's link into the meeting.

    ``calendar_sequence`` rises with every change that the winner's calendar has to learn, its cancellation included.
    The partial unique index is the second wall behind the conditional write that decides who wins.
    """

    __tablename__ = "invite"
    __table_args__ = (
        UniqueConstraint("request_id", "company_id"),
        UniqueConstraint("guest_id"),
        Index(None, "company_id", "answer", "request_id"),
        Index(
            "uq_invite_one_accepted",
            "request_id",
            unique=True,
            sqlite_where=sql("answer = 'accepted'"),
            postgresql_where=sql("answer = 'accepted'"),
        ),
    )

    id: Mapped[Pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"))
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    position: Mapped[int]
    guest_id: Mapped[str] = mapped_column(text(20))
    answer: Mapped[Answer | None] = mapped_column(choice(Answer))
    responder: Mapped[str] = mapped_column(text(120), default="")
    answered_at: Mapped[datetime | None]
    decline_reason: Mapped[str] = mapped_column(text(300), default="")
    calendar_sequence: Mapped[int] = mapped_column(default=0, server_default="0")


class InviteAddress(Base):
    """One dispatch address of an invite, with a link of its own. ``link_id`` is public; the signature is the secret.

    Without ``company_address_id`` the company has removed the address: its link is dead, and it is told nothing more
    than that what it was told is over.
    """

    __tablename__ = "invite_address"
    __table_args__ = (UniqueConstraint("link_id"), UniqueConstraint("invite_id", "email"))

    id: Mapped[Pk]
    invite_id: Mapped[int] = mapped_column(ForeignKey("invite.id"))
    company_address_id: Mapped[int | None] = mapped_column(ForeignKey("company_address.id", ondelete="SET NULL"))
    email: Mapped[str] = mapped_column(text(254))
    link_id: Mapped[str] = mapped_column(text(20))

    @property
    def is_removed(self) -> bool:
        """Whether the company has removed it: perhaps a slip, and a stranger reads there."""
        return self.company_address_id is None


class InviteOpening(Base):
    """That a link was opened for the first time: a hint for the clinic (scanners open too), apart from all state."""

    __tablename__ = "invite_opening"

    invite_address_id: Mapped[int] = mapped_column(ForeignKey("invite_address.id"), primary_key=True)
    opened_at: Mapped[datetime]
