"""What may be a password, and what is stored of one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from shared.errors import BusyError
from shared.leaked import is_leaked
from shared.texts import is_readable, spelt

SHORTEST, LONGEST = 12, 200
"""In characters. There are no rules of composition: they make passwords alike (NIST SP 800-63B)."""

_ESTIMATED = 72
"""How much of it is looked at for how soon it is guessed: the time that takes grows faster than the length."""
_SAFE = 3
"""The estimator's grade, 0 to 4, from which on about a hundred million tries are needed."""
_OWN = 5
"""How much a password has to hold besides what is known of its owner and the house."""

HOUSE = (
    "admin", "administrator", "american", "appointment", "clinic", "clinical", "company", "dispatch", "dispatcher",
    "doctor", "health", "healthcare", "hospital", "interpreter", "interpreting", "jitsi", "language", "medical",
    "meeting", "nurse", "patient", "phone", "portal", "provider", "request", "schedule", "scheduler", "sign", "staff",
    "telehealth", "telemedicine", "translator", "video", "visit",
)  # fmt: skip
"""Words that whoever guesses here would try first, as much known as the owner's name."""

AT_ONCE = 4
"""How many passwords one process hashes at the same time: each takes 64 MiB, and all the cores that it can get."""
WAITS_SECONDS = 10.0

hasher = PasswordHasher()
"""Argon2id with the library's recommended cost."""
_places = BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """What is stored of a password. Slow on purpose: not within a transaction. Raises BusyError as below."""
    with _place():
        return hasher.hash(_spelt(password))


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password behind the hash. Where there is no hash it takes as long, and is not.

    Raises BusyError if too many others are being checked for too long.
    """
    try:
        with _place():
            hasher.verify(password_hash or _NOBODY, _spelt(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def renewed_hash(password_hash: str, password: str) -> str | None:
    """A hash of today's cost for a password that matched one of another cost; None where the cost is right."""
    return hash_password(password) if hasher.check_needs_rehash(password_hash) else None


def password_fault(password: str, *, about: tuple[str, ...], leaked: Path | None) -> str:
    """Why it can't be a new password, in a sentence that says what to do; empty if it can.

    ``about`` is what is known of its owner: mail address, name, clinic. ``leaked`` is a list of leaked passwords.
    """
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. A few words that don't belong together are easy to remember."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if not is_readable(password):
        return "This holds characters that can't be read. Choose others."
    known = _words((*about, *HOUSE))
    if _is_known(password, known):
        return "This is too close to your name, address or clinic, or to words that everybody here uses. Choose others."
    if zxcvbn(password[:_ESTIMATED], user_inputs=known)["score"] < _SAFE:
        return "This is easy to guess. Add words that don't belong together, or choose another."
    if is_leaked(_spelt(password), leaked):
        return "This was somebody's password and has been stolen, so that guessers try it. Choose another."
    return ""


@contextmanager
def _place() -> Iterator[None]:
    """One of the few places to hash in, waited for in line; whose password it is makes no difference."""
    if not _places.acquire(timeout=WAITS_SECONDS):
        raise BusyError
    try:
        yield
    finally:
        _places.release()


def _spelt(password: str) -> str:
    """One spelling for characters that keyboards make in several ways."""
    return spelt("NFKC", password)


def _words(about: tuple[str, ...]) -> list[str]:
    """The words in it, the longest first."""
    found = {word for text in about for word in re.findall(r"\w{3,}", text.casefold().replace("_", " "))}
    return sorted(found, key=len, reverse=True)


def _is_known(password: str, known: list[str]) -> bool:
    """Whether hardly anything is left of it without these words."""
    left = password.casefold()
    for word in known:
        left = left.replace(word, " ")
    return left != password.casefold() and sum(character.isalnum() for character in left) < _OWN


_NOBODY = hash_password("nobody has this password")
