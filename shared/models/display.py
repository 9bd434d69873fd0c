"""Screens that show the Board without a login."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, text


class Display(Base):
    """A display's link. The screen holds the code, this row its hash; once ``revoked_at`` is set it opens nothing."""

    __tablename__ = "display"
    __table_args__ = (UniqueConstraint("code_hash"),)

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), index=True)
    name: Mapped[str] = mapped_column(text(80))
    code_hash: Mapped[str] = mapped_column(text(64))
    made_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
