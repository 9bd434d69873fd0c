"""Rooms and PINs. A provider of rooms turns a room's name into an address; Jitsi Meet is the first."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import jwt

from shared.rules import JOIN_CLOSES, JOIN_OPENS
from shared.settings import Settings

PIN_DIGITS = 9


def new_room() -> str:
    """A room's name: 130 random bits, lower case, so that no meeting server folds two into one."""
    return "visit-" + "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(26))


def new_pin() -> str:
    """Nine digits, the first not a zero. Unique by the database's constraint; the caller tries again on a clash."""
    return str(10 ** (PIN_DIGITS - 1) + secrets.randbelow(9 * 10 ** (PIN_DIGITS - 1)))


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who is about to enter a room, as the meeting shows them."""

    name: str
    is_moderator: bool


class MeetingProvider(Protocol):
    """What any meeting server must be able to do for us."""

    def room_url(self, room: str, attendee: Attendee, *, starts_at: datetime, ends_at: datetime) -> str:
        """An address that lets the attendee into the room, at least while the meeting is open."""


@dataclass(frozen=True, slots=True)
class JitsiMeet:
    """Jitsi Meet at a base address of the installation's own, with a JWT when it is configured for that."""

    base_url: str
    app_id: str | None
    secret: str | None

    def room_url(self, room: str, attendee: Attendee, *, starts_at: datetime, ends_at: datetime) -> str:
        """The room's address; the token, if any, is valid while the Join window is open."""
        url = f"{self.base_url}/{room}"
        if self.app_id is None or self.secret is None:
            return url
        claims = {
            "aud": self.app_id,
            "iss": self.app_id,
            "sub": "*",
            "room": room,
            "nbf": starts_at - JOIN_OPENS,
            "exp": ends_at + JOIN_CLOSES,
            "context": {"user": {"name": attendee.name, "affiliation": "owner" if attendee.is_moderator else "member"}},
        }
        return f"{url}?jwt={jwt.encode(claims, self.secret, algorithm='HS256')}"


def provider_from(settings: Settings) -> MeetingProvider:
    """The meeting server that the settings name."""
    return JitsiMeet(settings.meeting_url, settings.meeting_jwt_app_id, settings.meeting_jwt_secret)


def pin_text(pin: str) -> str:
    """A PIN as people read it aloud: 482 913 075."""
    return " ".join(pin[i : i + 3] for i in range(0, len(pin), 3))
