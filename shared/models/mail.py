"""The outbox: one row per mail, written in the transaction that causes it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, Pk, choice, text
from shared.states import MailKind, MailState


class Mail(Base):
    """A mail to be sent or sent. It holds what the mail is about, no body and no link.

    Mails about a request have ``request_id``, those to a person of the clinic about a password ``password_link_id``.
    ``dedupe_key`` makes one event cause one mail. ``message_id`` (the part before the @) is fixed, so that a repeat
    after a crash is recognised by the reader's mail program. ``lease_owner`` is the worker that holds it until
    ``lease_until``; ``in_doubt`` means that a try ended unheard of (its worker died, or its connection broke off),
    perhaps after the server took it. ``trying_since`` begins its 72 hours, which stand still while nobody can try.
    """

    __tablename__ = "mail"
    __table_args__ = (
        UniqueConstraint("dedupe_key"),
        UniqueConstraint("message_id"),
        Index(
            "ix_mail_due",
            "next_try_at",
            sqlite_where=sql("state = 'queued'"),
            postgresql_where=sql("state = 'queued'"),
        ),
        Index(None, "request_id"),
        Index(None, "invite_id"),
        Index(None, "invite_address_id"),
        Index(
            "ix_mail_password_link_id",
            "password_link_id",
            sqlite_where=sql("password_link_id IS NOT NULL"),
            postgresql_where=sql("password_link_id IS NOT NULL"),
        ),
        Index(
            "ix_mail_undelivered",
            "clinic_id",
            "settled_at",
            sqlite_where=sql("state IN ('bounced', 'dead')"),
            postgresql_where=sql("state IN ('bounced', 'dead')"),
        ),
    )

    id: Mapped[Pk]
    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"))
    kind: Mapped[MailKind] = mapped_column(choice(MailKind))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("request.id"))
    password_link_id: Mapped[int | None] = mapped_column(ForeignKey("password_link.id"))
    invite_id: Mapped[int | None] = mapped_column(ForeignKey("invite.id"))
    invite_address_id: Mapped[int | None] = mapped_column(ForeignKey("invite_address.id"))
    recipient: Mapped[str] = mapped_column(text(254))
    dedupe_key: Mapped[str] = mapped_column(text(320))
    message_id: Mapped[str] = mapped_column(text(40))
    state: Mapped[MailState] = mapped_column(choice(MailState), default=MailState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(text(40))
    lease_until: Mapped[datetime | None]
    in_doubt: Mapped[bool] = mapped_column(default=False)
    trying_since: Mapped[datetime | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(text(300), default="")
