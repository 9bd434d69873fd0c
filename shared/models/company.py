"""A clinic's record of an interpreter company, and the groups it asks together."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, text


class Company(Base):
    """An interpreter company as one clinic knows it. A suspended one (``accredited`` false) can't be chosen."""

    __tablename__ = "company"

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), index=True)
    name: Mapped[str] = mapped_column(text(120))
    phone: Mapped[str] = mapped_column(text(40))
    time_zone: Mapped[str] = mapped_column(text(60))
    accredited: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class CompanyAddress(Base):
    """A dispatch address. ``refused_at``: when a mail server last said for good that nobody is there."""

    __tablename__ = "company_address"
    __table_args__ = (UniqueConstraint("company_id", "email"),)

    id: Mapped[Pk]
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    email: Mapped[str] = mapped_column(text(254))
    refused_at: Mapped[datetime | None]


class CompanyLanguage(Base):
    """A language that a company interprets."""

    __tablename__ = "company_language"

    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(text(35), primary_key=True)


class HuntGroup(Base):
    """A clinic's named, ordered list of companies for one language. Ticks of requests name it by its id, so that a
    deleted group's is never given again."""

    __tablename__ = "hunt_group"
    __table_args__ = (UniqueConstraint("clinic_id", "name"), {"sqlite_autoincrement": True})

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    name: Mapped[str] = mapped_column(text(120))
    language_tag: Mapped[str] = mapped_column(text(35))


class HuntGroupMember(Base):
    """A company's place in a group."""

    __tablename__ = "hunt_group_member"

    hunt_group_id: Mapped[int] = mapped_column(ForeignKey("hunt_group.id"), primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"), primary_key=True, index=True)
    position: Mapped[int]
