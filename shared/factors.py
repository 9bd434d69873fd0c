"""The second factor: codes of an authenticator app (RFC 6238), always as of an instant that is given, and recovery
codes."""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime

import pyotp

from shared.tokens import hash_token, new_typed_code

ISSUER = "Interpreter Dispatch"
"""What an authenticator app calls the account, beside its owner's address."""

DRIFT = 1
"""How many time steps of 30 seconds a telephone's clock may be off, either way."""

RECOVERY_CODES = 10
_RECOVERY_BITS = 120
"""So much chance needs no slow hash: nobody tries out 2^120 codes against a stolen database."""

_CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class NewFactor:
    """A second factor that is being set up: the secret that goes into the app, and the recovery codes."""

    secret: str
    recovery_codes: tuple[str, ...]

    @property
    def recovery_hashes(self) -> tuple[str, ...]:
        """What is stored of the recovery codes."""
        return tuple(hash_token(code) for code in self.recovery_codes)


def new_factor() -> NewFactor:
    """A fresh secret (160 bits) and fresh recovery codes."""
    return NewFactor(pyotp.random_base32(), new_recovery_codes())


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes to be kept on paper; each opens the account once, in place of the app."""
    return tuple(new_typed_code(_RECOVERY_BITS) for _ in range(RECOVERY_CODES))


def app_address(secret: str, *, account: str) -> str:
    """What the QR code says to an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def step_of(code: str, secret: str, *, last_step: int | None, now: datetime) -> int | None:
    """The time step that the code is of, if that is now's or next to it, and later than the last one used.

    A last step that is yet to come was used before the clock was set back: it does not count, or its owner would be
    kept out until the clock has caught up.
    """
    if not _CODE.fullmatch(code):
        return None
    app = pyotp.TOTP(secret)
    present = app.timecode(now)
    used = last_step if last_step is not None and last_step <= present + DRIFT else -1
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(app.generate_otp(step), code) and step > used:
            return step
    return None
