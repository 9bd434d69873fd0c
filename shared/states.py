"""Every state and every legal move, on one screen. Nothing else assigns a state."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    PROVIDER = "provider"
    SCHEDULER = "scheduler"
    STAFF = "staff"
    ADMIN = "admin"


class VisitType(StrEnum):
    VIDEO = "video"
    PHONE = "phone"


class VisitStatus(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class Frequency(StrEnum):
    """How often a series repeats."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Reach(StrEnum):
    """Which visits of a series a change is for. Only future ones change, whatever the reach."""

    THIS = "this"
    FOLLOWING = "following"
    ALL = "all"


class RequestState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    ALL_DECLINED = "all_declined"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"


class RequestEvent(StrEnum):
    ACCEPT = "accept"
    LAST_DECLINE = "last_decline"
    EXPIRE = "expire"
    LAST_BOUNCE = "last_bounce"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    HAND_BACK = "hand_back"


REQUEST_MOVES: Mapping[tuple[RequestState, RequestEvent], RequestState] = {
    (RequestState.PENDING, RequestEvent.ACCEPT): RequestState.ACCEPTED,
    (RequestState.PENDING, RequestEvent.LAST_DECLINE): RequestState.ALL_DECLINED,
    (RequestState.PENDING, RequestEvent.EXPIRE): RequestState.EXPIRED,
    (RequestState.PENDING, RequestEvent.LAST_BOUNCE): RequestState.UNDELIVERABLE,
    (RequestState.PENDING, RequestEvent.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.PENDING, RequestEvent.CANCEL): RequestState.CANCELLED,
    (RequestState.ACCEPTED, RequestEvent.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.ACCEPTED, RequestEvent.CANCEL): RequestState.CANCELLED,
    (RequestState.ACCEPTED, RequestEvent.HAND_BACK): RequestState.HANDED_BACK,
}


class Answer(StrEnum):
    """What one company said. No answer yet is None."""

    ACCEPTED = "accepted"
    DECLINED = "declined"


class MailKind(StrEnum):
    INVITE = "invite"
    FILLED = "filled"
    CONFIRMATION = "confirmation"
    UPDATED = "updated"
    CANCELLATION = "cancellation"
    WITHDRAWN = "withdrawn"
    CLINIC_ACCEPTED = "clinic_accepted"
    CLINIC_ALL_DECLINED = "clinic_all_declined"
    CLINIC_EXPIRED = "clinic_expired"
    CLINIC_UNDELIVERABLE = "clinic_undeliverable"
    CLINIC_CONFIRMATION_BOUNCED = "clinic_confirmation_bounced"
    CLINIC_CANCELLATION_BOUNCED = "clinic_cancellation_bounced"
    USER_INVITE = "user_invite"
    PASSWORD_RESET = "password_reset"  # noqa: S105 # nosec B105 # a kind of mail


class MailState(StrEnum):
    """QUEUED waits or is being tried; SENT means the mail server took it; BOUNCED means a server refused it for good;
    DROPPED became pointless before it left; DEAD ran out of tries."""

    QUEUED = "queued"
    SENT = "sent"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    DEAD = "dead"


class MailEvent(StrEnum):
    TAKE = "take"
    REFUSE = "refuse"
    DROP = "drop"
    GIVE_UP = "give_up"


MAIL_MOVES: Mapping[tuple[MailState, MailEvent], MailState] = {
    (MailState.QUEUED, MailEvent.TAKE): MailState.SENT,
    (MailState.QUEUED, MailEvent.REFUSE): MailState.BOUNCED,
    (MailState.QUEUED, MailEvent.DROP): MailState.DROPPED,
    (MailState.QUEUED, MailEvent.GIVE_UP): MailState.DEAD,
}


class ProofKind(StrEnum):
    """What somebody who has just given the password may do next: give the second factor's code at the login, set one
    up, or make new recovery codes."""

    CODE = "code"
    SET_UP = "set_up"
    RECOVERY = "recovery"


class BadgeKind(StrEnum):
    """What a badge shows; the value is its CSS class."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not-accepted"
    NONE = "none"
    CANCELLED = "cancelled"


BADGE_WORDS: Mapping[BadgeKind, str] = {
    BadgeKind.PENDING: "Pending Request",
    BadgeKind.ACCEPTED: "Accepted",
    BadgeKind.NOT_ACCEPTED: "Not Accepted",
    BadgeKind.NONE: "No interpreter asked",
    BadgeKind.CANCELLED: "Cancelled",
}


def next_request_state(state: RequestState, event: RequestEvent) -> RequestState | None:
    """Where the event leads from this state, or None where the table has no such move."""
    return REQUEST_MOVES.get((state, event))


def next_mail_state(state: MailState, event: MailEvent) -> MailState | None:
    """Where the event leads from this state, or None where the table has no such move."""
    return MAIL_MOVES.get((state, event))
