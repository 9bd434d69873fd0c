"""The second factor, as its owner's pages show it, and the half-open step before it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from shared.db import reading
from shared.models import Clinic, RecoveryCode, SecondFactor
from shared.proofs import find_proof
from shared.rules import Scope
from shared.states import ProofKind


@dataclass(frozen=True, slots=True)
class FactorPage:
    """One's own second factor: since when (None: there is none), how many recovery codes are left, and whether the
    clinic requires it."""

    since: datetime | None
    codes_left: int
    required: bool


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Whose password was right in this browser a moment ago."""

    user_id: int
    email: str


def factor_page(scope: Scope) -> FactorPage:
    """The second factor of whoever looks."""
    with reading() as session:
        codes = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == scope.user_id)
        return FactorPage(
            since=session.scalar(select(SecondFactor.created_at).where(SecondFactor.user_id == scope.user_id)),
            codes_left=session.scalars(codes).one(),
            required=session.get_one(Clinic, scope.clinic_id).second_factor_required,
        )


def half_way(token: str, kind: ProofKind, *, now: datetime) -> HalfWay | None:
    """Who stands at this step; None once it is over."""
    with reading() as session:
        found = find_proof(session, token, kind, now=now)
        return None if found is None else HalfWay(found[1].id, found[1].email)
