"""Who may try a password now.

A try counts before it is checked, in a transaction of its own: checking is slow, and a thousand at once would all be
checked before one of them had failed. What succeeds is given back. Nobody is locked out: what strangers do elsewhere
leaves one try in fifteen minutes at every other network, and nothing at all counts against a browser that is known.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import rules
from shared.actions._known import KnownBrowser, find_known
from shared.audit import SYSTEM, About, AuditEvent, record
from shared.db import reading, transaction
from shared.errors import BusyError
from shared.models import User
from shared.rules import Scope
from shared.texts import login_name
from shared.throttle import Bucket, forget, give_back, room_from, spend, take
from shared.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a try comes from: the client's address, and whom its browser is known as. Neither is stored."""

    address: str | None
    browser: tuple[KnownBrowser, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """A try that was counted: where, to be given back, and what counts one more if it fails.

    ``known`` is the browser, where somebody has logged in as this person.
    """

    taken: tuple[Bucket, ...]
    if_it_fails: tuple[Bucket, ...] = ()
    known: KnownBrowser | None = None


@dataclass(frozen=True, slots=True)
class Slowed:
    """A try that was not made; ``until`` is when the next one can be."""

    until: datetime


def admit_login(tokens: Tokens, visitor: Visitor, *, email: str, now: datetime) -> Admission | Slowed:
    """Count a try to log in. Whether anybody has this address changes neither the outcome nor what is written, but for
    a line of the trail when a spell of refusals begins."""
    name = login_name(email)
    with reading() as session:
        user = session.scalar(select(User).where(User.email == name, User.active))
        admission = _admission(session, tokens, visitor, user, name, now)
    return _admit(admission, now=now, spell=tokens.digest("spell", name), user=user)


def admit_password(tokens: Tokens, scope: Scope, *, login: str, now: datetime) -> Admission | Slowed:
    """Count a try at the current password by who is logged in; ``login`` is the token of that login. Their other logins
    are not slowed."""
    with reading() as session:
        user = session.get_one(User, scope.user_id)
    admission = Admission((Bucket(tokens.digest("login", login), rules.OPEN_LOGIN),))
    return _admit(admission, now=now, spell=tokens.digest("spell", user.email), user=user)


def admit_link_request(tokens: Tokens, visitor: Visitor, *, now: datetime) -> Admission | Slowed:
    """Count a wish for a password link, whoever it is for. How many mails one person gets is counted apart."""
    network = rules.network_of(visitor.address)
    return _admit(Admission((Bucket(tokens.digest("links", network), rules.LINKS_FOR_NETWORK),)), now=now)


@contextmanager
def given_back_if_busy(admission: Admission, *, now: datetime) -> Iterator[None]:
    """Around the check of the password: a try that found no place to be checked in was none, and is uncounted."""
    try:
        yield
    except BusyError:
        with transaction() as session:
            give_back(session, admission.taken, now=now)
        raise


def _admission(
    session: Session, tokens: Tokens, visitor: Visitor, user: User | None, name: str, now: datetime
) -> Admission:
    """Where a try counts: at the browser, if it is known as this person's; else at person and network."""
    known = find_known(visitor.browser, user)
    if known is not None:
        return Admission((Bucket(tokens.digest("browser", known.nonce), rules.KNOWN_BROWSER),), known=known)
    network = rules.network_of(visitor.address)
    person = Bucket(tokens.digest("person", name), rules.PERSON)
    attacked = room_from(session, [person], now=now) > now
    here = rules.PERSON_UNDER_ATTACK if attacked else rules.PERSON_AT_NETWORK
    pair = Bucket(tokens.digest("person at network", f"{network} {name}"), here)
    return Admission((pair, Bucket(tokens.digest("network", network), rules.NETWORK)), if_it_fails=(person,))


def _admit(admission: Admission, *, now: datetime, spell: str = "", user: User | None = None) -> Admission | Slowed:
    """Count the try, or refuse it and write that down once for the whole ``spell``.

    Looks before it writes: a flood that is refused must not hold up those who have something to write.
    """
    with reading() as session:
        until = room_from(session, admission.taken, now=now)
        is_told = not spell or room_from(session, [Bucket(spell, rules.SPELL_IS_FRESH)], now=now) > now
        if until > now and is_told:
            return Slowed(until)
    with transaction() as session:
        until = take(session, admission.taken, now=now)
        if until > now and spell:
            _note_refusal(session, user, Bucket(spell, rules.SPELL), now)
        forget(session, now=now)
    return admission if until <= now else Slowed(until)


def _note_refusal(session: Session, user: User | None, spell: Bucket, now: datetime) -> None:
    """A line in the trail where a spell begins; where nobody has the address, just the count."""
    if spend(session, spell, now=now) and user is not None:
        about = About("user", user.id)
        record(session, AuditEvent.LOGIN_SLOWED, clinic_id=user.clinic_id, by=SYSTEM, now=now, about=about)
