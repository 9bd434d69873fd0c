"""The half-open step between a password and what it opens: whether it still holds."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import PasswordProof, User
from shared.rules import PROOF_HOLDS
from shared.states import ProofKind
from shared.tokens import hash_token


def mark_of(user: User) -> str:
    """Tells one password of a person from another: what a proof was given with."""
    return hash_token(user.password_hash or "")


def find_proof(session: Session, token: str, kind: ProofKind, *, now: datetime) -> tuple[PasswordProof, User] | None:
    """The proof behind a browser's token and whose it is; None once it was used, grew too old, or the password or the
    account behind it is no longer what it was."""
    row = session.execute(
        select(PasswordProof, User)
        .join(User, User.id == PasswordProof.user_id)
        .where(
            PasswordProof.token_hash == hash_token(token),
            PasswordProof.kind == kind,
            PasswordProof.ended_at.is_(None),
            PasswordProof.created_at > now - PROOF_HOLDS[kind],
            User.active,
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None or row[0].password_mark != mark_of(row[1]):
        return None
    return row[0], row[1]
