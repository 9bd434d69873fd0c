"""The second factor: its code at the login, set up, switched off, and its recovery codes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from shared.actions._accounts import end_sessions, lock_user, note_wrong_password
from shared.actions._logins import Login, drop_factor, open_proof, open_session
from shared.actions.tries import Admission
from shared.audit import About, Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.errors import DomainError
from shared.factors import NewFactor, step_of
from shared.models import Clinic, PasswordProof, RecoveryCode, SecondFactor, User
from shared.passwords import password_matches
from shared.proofs import find_proof, mark_of
from shared.rules import CODE_WINDOW, WRONG_CODES_PER_PASSWORD, WRONG_CODES_PER_WINDOW, Scope
from shared.states import ProofKind
from shared.throttle import give_back
from shared.tokens import Tokens, hash_token, read_typed_code

REQUIRED = "Your clinic requires a second factor. You can set up another one, but not switch it off."
NONE_YET = "You have no second factor yet. Set one up first."


class CodeOutcome(StrEnum):
    PASSED = "passed"
    WRONG = "wrong"
    OVER = "over"
    """The step after the password was used, grew too old, met too many wrong codes, or never was."""
    TOO_MANY = "too_many"
    """So many wrong codes lately that none is looked at for a while."""
    UNREADABLE = "unreadable"
    """The stored secret was encrypted with a key that is no longer there."""


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What became of a code; ``login`` where it opened a session."""

    outcome: CodeOutcome
    login: Login | None = None


def log_in_with_code(token: str, code: str, *, tokens: Tokens, replaces: str | None, now: datetime) -> CodeResult:
    """Open a session with the app's code, after the password (``token``: the proof of it). Each code works once.

    A second press finds the step used. ``replaces`` is the login that the browser held before.
    """
    with transaction() as session:
        found = _lock_proof(session, token, ProofKind.CODE, now)
        if found is None:
            return CodeResult(CodeOutcome.OVER)
        proof, user = found
        if _wrong_lately(session, user, now) >= WRONG_CODES_PER_WINDOW:
            return CodeResult(CodeOutcome.TOO_MANY)
        outcome = _spend_code(session, user, code, tokens, now)
        if outcome is CodeOutcome.WRONG:
            return _refuse(session, proof, user, now)
        if outcome is not CodeOutcome.PASSED:
            return CodeResult(outcome)
        proof.ended_at = now
        return CodeResult(outcome, open_session(session, user, replaces=replaces, now=now))


def log_in_with_recovery_code(token: str, code: str, *, replaces: str | None, now: datetime) -> CodeResult:
    """The same with a recovery code, which is used up. It can't be guessed, so that it works also while the app's
    codes are not looked at: a guesser keeps nobody out who has the paper."""
    with transaction() as session:
        found = _lock_proof(session, token, ProofKind.CODE, now)
        if found is None:
            return CodeResult(CodeOutcome.OVER)
        proof, user = found
        if not _spend_recovery_code(session, user, code):
            return _refuse(session, proof, user, now)
        proof.ended_at = now
        _record(session, user, AuditEvent.RECOVERY_CODE_USED, now)
        return CodeResult(CodeOutcome.PASSED, open_session(session, user, replaces=replaces, now=now))


def set_up_at_login(
    token: str, code: str, new: NewFactor, *, tokens: Tokens, replaces: str | None, now: datetime
) -> CodeResult:
    """Store the second factor that the clinic requires, once the app's first code is right, and open the session.

    Not if the person has one by now: then the code of that one has to come first.
    """
    with transaction() as session:
        found = _lock_proof(session, token, ProofKind.SET_UP, now)
        if found is None or session.get(SecondFactor, found[1].id) is not None:
            return CodeResult(CodeOutcome.OVER)
        user = found[1]
        if not _store(session, user, code, new, tokens, now):
            return CodeResult(CodeOutcome.WRONG)
        end_sessions(session, user, now=now)
        return CodeResult(CodeOutcome.PASSED, open_session(session, user, replaces=replaces, now=now))


def set_up_factor(
    scope: Scope, token: str, code: str, new: NewFactor, *, tokens: Tokens, keep: str, now: datetime
) -> CodeOutcome:
    """Store one's own second factor, in place of an older one, once the app's first code is right.

    Every login of the person ends but the one with the token ``keep``.
    """
    with transaction() as session:
        found = _lock_proof(session, token, ProofKind.SET_UP, now)
        if found is None or found[1].id != scope.user_id:
            return CodeOutcome.OVER
        user = found[1]
        if not _store(session, user, code, new, tokens, now):
            return CodeOutcome.WRONG
        end_sessions(session, user, besides=keep, now=now)
        return CodeOutcome.PASSED


def renew_recovery_codes(scope: Scope, token: str, hashes: tuple[str, ...], *, now: datetime) -> CodeOutcome:
    """Put new recovery codes in the place of the old ones."""
    with transaction() as session:
        found = _lock_proof(session, token, ProofKind.RECOVERY, now)
        if found is None or found[1].id != scope.user_id:
            return CodeOutcome.OVER
        proof, user = found
        proof.ended_at = now
        _store_recovery_codes(session, user, hashes)
        _record(session, user, AuditEvent.RECOVERY_CODES_MADE, now)
        return CodeOutcome.PASSED


def prove_password(scope: Scope, password: str, kind: ProofKind, *, admission: Admission, now: datetime) -> str | None:
    """Begin a change of one's own second factor: the token for the browser, or None for a wrong password.
    ``admission`` is the try at it, as it was counted."""
    seen = _checked_password(scope, password, now)
    if seen is None:
        return None
    with transaction() as session:
        user = lock_user(session, scope.user_id)
        if not user.active or user.password_hash != seen:  # changed or reset meanwhile
            return None
        give_back(session, admission.taken, now=now)
        if kind is ProofKind.RECOVERY and session.get(SecondFactor, user.id) is None:
            raise DomainError(NONE_YET)
        return open_proof(session, user, kind, now=now)


def remove_factor(scope: Scope, password: str, *, keep: str, admission: Admission, now: datetime) -> bool:
    """Switch off one's own second factor; False for a wrong password (``admission``: the try, as it was counted).

    Every login ends but the one with the token ``keep``. Twice is harmless. Raises DomainError while the clinic
    requires one.
    """
    seen = _checked_password(scope, password, now)
    if seen is None:
        return False
    with transaction() as session:
        user = lock_user(session, scope.user_id)
        if not user.active or user.password_hash != seen:
            return False
        give_back(session, admission.taken, now=now)
        if session.get_one(Clinic, user.clinic_id).second_factor_required:
            raise DomainError(REQUIRED)
        if drop_factor(session, user, now=now):
            end_sessions(session, user, besides=keep, now=now)
            _record(session, user, AuditEvent.FACTOR_REMOVED, now)
        return True


def _checked_password(scope: Scope, password: str, now: datetime) -> str | None:
    """The hash behind one's own password, if it is that; slow on purpose, so not within a transaction."""
    with reading() as session:
        seen = session.get_one(User, scope.user_id).password_hash
    if password_matches(seen, password):
        return seen
    note_wrong_password(scope, now=now)
    return None


def _lock_proof(session: Session, token: str, kind: ProofKind, now: datetime) -> tuple[PasswordProof, User] | None:
    """The proof as it is once its owner's row is locked: steps of one person go one after the other."""
    found = find_proof(session, token, kind, now=now)
    if found is None:
        return None
    lock_user(session, found[1].id)
    return find_proof(session, token, kind, now=now)


def _wrong_lately(session: Session, user: User, now: datetime) -> int:
    """Wrong codes of late, in all browsers. Those before a new password don't count: who guessed knew the old one. Nor
    do those that are yet to come: they are left from before the clock was set back."""
    counted = select(func.coalesce(func.sum(PasswordProof.wrong_codes), 0)).where(
        PasswordProof.user_id == user.id,
        PasswordProof.password_mark == mark_of(user),
        PasswordProof.created_at > now - CODE_WINDOW,
        PasswordProof.created_at <= now,
    )
    return int(session.scalars(counted).one())


def _refuse(session: Session, proof: PasswordProof, user: User, now: datetime) -> CodeResult:
    """Count a wrong code; after a few the password is asked again."""
    proof.wrong_codes += 1
    is_over = proof.wrong_codes >= WRONG_CODES_PER_PASSWORD
    if is_over:
        proof.ended_at = now
    _record(session, user, AuditEvent.CODE_REFUSED, now)
    return CodeResult(CodeOutcome.OVER if is_over else CodeOutcome.WRONG)


def _spend_code(session: Session, user: User, code: str, tokens: Tokens, now: datetime) -> CodeOutcome:
    """Take the code of the app, once: the condition in the write decides, whoever tries the same code at this moment.

    The secret is encrypted anew with the newest key, so that older keys can be retired.
    """
    row = session.execute(
        select(SecondFactor.secret, SecondFactor.last_step).where(SecondFactor.user_id == user.id)
    ).one_or_none()
    if row is None:
        return CodeOutcome.OVER
    secret = tokens.decrypt(_purpose(user), row.secret)
    if secret is None:
        return CodeOutcome.UNREADABLE
    step = step_of(code, secret, last_step=row.last_step, now=now)
    if step is None:
        return CodeOutcome.WRONG
    taken = session.execute(
        update(SecondFactor)
        .where(SecondFactor.user_id == user.id, SecondFactor.last_step == row.last_step)
        .values(last_step=step, secret=tokens.encrypt(_purpose(user), secret))
    )
    assert isinstance(taken, CursorResult)
    return CodeOutcome.PASSED if taken.rowcount == 1 else CodeOutcome.WRONG


def _spend_recovery_code(session: Session, user: User, code: str) -> bool:
    """Take a recovery code, once: the row goes, and only one can remove it."""
    hashed = hash_token(read_typed_code(code))
    taken = session.execute(
        delete(RecoveryCode).where(RecoveryCode.user_id == user.id, RecoveryCode.code_hash == hashed)
    )
    assert isinstance(taken, CursorResult)
    return taken.rowcount == 1


def _store(session: Session, user: User, code: str, new: NewFactor, tokens: Tokens, now: datetime) -> bool:
    """Put a new second factor in the place of the old one, if the code is the new app's; it counts as used."""
    step = step_of(code, new.secret, last_step=None, now=now)
    if step is None:
        return False
    drop_factor(session, user, now=now)
    secret = tokens.encrypt(_purpose(user), new.secret)
    session.add(SecondFactor(user_id=user.id, secret=secret, last_step=step, created_at=now))
    _store_recovery_codes(session, user, new.recovery_hashes)
    _record(session, user, AuditEvent.FACTOR_SET_UP, now)
    return True


def _store_recovery_codes(session: Session, user: User, hashes: tuple[str, ...]) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.add_all(RecoveryCode(user_id=user.id, code_hash=code_hash) for code_hash in hashes)


def _purpose(user: User) -> str:
    """Whose secret it is: one row's does not work in another's."""
    return f"second factor {user.id}"


def _record(session: Session, user: User, what: AuditEvent, now: datetime) -> None:
    by, about = Actor(user_id=user.id), About("user", user.id)
    record(session, what, clinic_id=user.clinic_id, by=by, now=now, about=about)
