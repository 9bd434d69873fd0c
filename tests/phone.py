"""An authenticator app as its standard describes it (RFC 6238), written apart from the product's."""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Phone:
    """An app that holds one secret."""

    secret: str

    def code(self, now: datetime, *, steps: int = 0) -> str:
        """The six digits that the app shows now, or so many time steps later."""
        step = int((now + timedelta(seconds=30 * steps)).timestamp()) // 30
        mac = hmac.digest(base64.b32decode(self.secret), struct.pack(">Q", step), hashlib.sha1)
        place = mac[-1] & 15
        number = int.from_bytes(mac[place : place + 4], "big") & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"

    def wrong(self, now: datetime) -> str:
        """Six digits that the app shows neither now nor about now."""
        shown = {self.code(now, steps=steps) for steps in range(-2, 3)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in shown)
