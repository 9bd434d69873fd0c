"""The second factor, and the half-open step between a password and what it opens."""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, BigId, Pk, choice, text
from shared.states import ProofKind


class SecondFactor(Base):
    """Somebody's authenticator app. ``secret`` is encrypted; ``last_step`` is the time step of the last code used."""

    __tablename__ = "second_factor"

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("user_account.id"), primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(text(400))
    last_step: Mapped[int]
    created_at: Mapped[datetime]


class RecoveryCode(Base):
    """A recovery code that has not been used; the row goes with its use."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[Pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    code_hash: Mapped[str] = mapped_column(text(64))


class PasswordProof(Base):
    """The password was right, in this browser, a moment ago; ``kind`` is what comes next. The browser holds the token.

    ``password_mark`` is the hash of the password's hash: the proof ends when the password changes.
    """

    __tablename__ = "password_proof"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[Pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    kind: Mapped[ProofKind] = mapped_column(choice(ProofKind))
    token_hash: Mapped[str] = mapped_column(text(64))
    password_mark: Mapped[str] = mapped_column(text(64))
    wrong_codes: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
