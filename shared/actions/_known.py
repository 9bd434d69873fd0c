"""Browsers in which somebody has logged in. The browser keeps that in a sealed cookie, the database nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.models import User
from shared.tokens import hash_token, new_public_id


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """That somebody has logged in here as this person. ``nonce`` is the browser's own for them; ``mark`` tells whether
    the password is still the one of then: a new one makes all other browsers strangers."""

    user_id: int
    nonce: str
    mark: str


def find_known(browser: Iterable[KnownBrowser], user: User | None) -> KnownBrowser | None:
    """What the browser keeps of this person, if it holds still."""
    if user is None:
        return None
    return next((known for known in browser if (known.user_id, known.mark) == (user.id, _mark(user))), None)


def known_as(user: User, before: KnownBrowser | None = None) -> KnownBrowser:
    """What the browser is to keep of this person from now on, under the nonce it had ``before``."""
    return KnownBrowser(user.id, before.nonce if before else new_public_id(), _mark(user))


def _mark(user: User) -> str:
    return hash_token(user.password_hash or "")[:16]
