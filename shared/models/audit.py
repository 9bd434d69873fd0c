"""Who did what, from which state to which, and when."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, text


class AuditEntry(Base):
    """One line of the trail, written in the transaction of the move it tells of: ids and field names, never values
    but for the name of a hunt group or display and the tag of a language, which can be deleted.

    ``actor_user_id`` is set for a user, ``actor_invite_id`` for a company's answer, neither for the product itself.
    ``about_kind`` and ``about_id`` name what an administrator changed: a company, hunt group, user, language,
    display or clinic.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "clinic_id", "at"), Index(None, "visit_id"), Index(None, "request_id"))

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    at: Mapped[datetime]
    actor_user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    actor_invite_id: Mapped[int | None] = mapped_column(ForeignKey("invite.id"))
    what: Mapped[str] = mapped_column(text(60))
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))
    invite_id: Mapped[int | None] = mapped_column(ForeignKey("invite.id"))
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("mail.id"))
    from_state: Mapped[str | None] = mapped_column(text(40))
    to_state: Mapped[str | None] = mapped_column(text(40))
    fields: Mapped[list[str]] = mapped_column(JSON, default=list)
    about_kind: Mapped[str | None] = mapped_column(text(40))
    about_id: Mapped[int | None]
