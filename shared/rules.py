"""The product's rules that need no database: pure functions of values. Instants are aware UTC."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from shared.states import (
    Answer,
    BadgeKind,
    MailKind,
    MailState,
    ProofKind,
    RequestEvent,
    RequestState,
    Role,
    VisitStatus,
)

FARTHEST_VISIT = timedelta(days=731)
"""How far ahead of today a visit may be: a typing slip in the year is not a visit."""
JOIN_OPENS = timedelta(minutes=15)
JOIN_CLOSES = timedelta(minutes=30)
NONCE_YOUNGEST = timedelta(seconds=1.5)
NONCE_OLDEST = timedelta(hours=24)
INVITATION_HOLDS = timedelta(hours=72)
RESET_HOLDS = timedelta(hours=1)
PASSWORD_MAILS_PER_HOUR = 3
"""To one person: nobody's mailbox is flooded by asking again and again."""
KEEP_SHORTEST_DAYS = 30
"""What names people is needed for some weeks after a visit: for questions, bills and complaints."""
KEEP_LONGEST_DAYS = 3650
PROOF_HOLDS = {
    ProofKind.CODE: timedelta(minutes=10),
    ProofKind.SET_UP: timedelta(minutes=30),
    ProofKind.RECOVERY: timedelta(minutes=30),
}
"""How long a password that was right opens the next step. Setting up may begin with installing an app."""
WRONG_CODES_PER_PASSWORD = 5
"""After so many wrong codes the password has to be given again."""
WRONG_CODES_PER_WINDOW = 10
CODE_WINDOW = timedelta(minutes=15)
"""So many wrong codes within so long, and no more codes of the app are looked at: with three of a million codes
right at any moment, a guesser who has the password needs about a year."""

WITHDRAWN_STATES = frozenset({RequestState.WITHDRAWN, RequestState.CANCELLED, RequestState.HANDED_BACK})
CLOSED_STATES = frozenset({RequestState.ALL_DECLINED, RequestState.EXPIRED, RequestState.UNDELIVERABLE})


@dataclass(frozen=True, slots=True)
class Scope:
    """Who looks or acts: a user, the clinic, the role. Everything a page may touch is found through it."""

    clinic_id: int
    user_id: int
    role: Role

    @property
    def provider_id(self) -> int | None:
        """A provider sees and books only own visits; everybody else sees the clinic's."""
        return self.user_id if self.role is Role.PROVIDER else None

    @property
    def may_book(self) -> bool:
        """Staff read; everybody else books."""
        return self.role is not Role.STAFF

    @property
    def may_administer(self) -> bool:
        """Admins alone change settings, languages, companies, hunt groups and users."""
        return self.role is Role.ADMIN


@dataclass(frozen=True, slots=True)
class DisplayScope:
    """What a display may see: the clinic's Board. Only the queries of that take it, and no action does."""

    clinic_id: int

    @property
    def provider_id(self) -> None:
        """A Board shows the visits of every provider."""
        return


Sight = Scope | DisplayScope
"""Whose eyes a list of visits is for."""


def deadline_for(*, confirmed_at: datetime, invite_duration: timedelta, next_start: datetime) -> datetime:
    """Until when companies may answer: the clinic's invite duration, but never past the next visit's start.

    A whole minute (the next one, if Confirm fell between two), because that is what mails print: the instant
    printed is the instant enforced.
    """
    return min(_whole_minute(confirmed_at + invite_duration), next_start)


def _whole_minute(until: datetime) -> datetime:
    whole = until.replace(second=0, microsecond=0)
    return whole if whole == until else whole + timedelta(minutes=1)


def can_answer(state: RequestState, deadline: datetime, *, now: datetime) -> bool:
    """A request can be answered while it is pending and now < deadline."""
    return state is RequestState.PENDING and now < deadline


def lost_all_to_come(visits: Iterable[tuple[datetime | None, datetime]]) -> bool:
    """Whether an accepted request has lost all that was still to come, from (left_at, ends_at) of each of its visits:
    what it keeps was past by then and is history, and its links are dead."""
    found = tuple(visits)
    last = max((left_at for left_at, _ends_at in found if left_at is not None), default=None)
    return last is not None and all(left_at is not None or ends_at <= last for left_at, ends_at in found)


class InviteCase(StrEnum):
    """The rows of the table 'What a company can do'. Row 1 (a wrong signature) never reaches a request."""

    WITHDRAWN = "withdrawn"
    WON = "won"
    ASSIGNED_ELSEWHERE = "assigned_elsewhere"
    CLOSED = "closed"
    DECLINED = "declined"
    OPEN = "open"


def invite_case(
    state: RequestState, answer: Answer | None, deadline: datetime, *, removed: bool = False, now: datetime
) -> InviteCase:
    """What this company is shown now, for GET and POST alike: the first row that matches.

    ``removed``: the link is of an address that the company has removed; whoever reads there is told nothing.
    """
    if removed or state in WITHDRAWN_STATES:
        return InviteCase.WITHDRAWN
    if state is RequestState.ACCEPTED:
        return InviteCase.WON if answer is Answer.ACCEPTED else InviteCase.ASSIGNED_ELSEWHERE
    if not can_answer(state, deadline, now=now):
        return InviteCase.CLOSED
    return InviteCase.DECLINED if answer is Answer.DECLINED else InviteCase.OPEN


def badge_kind(
    status: VisitStatus, state: RequestState | None, deadline: datetime | None, *, now: datetime
) -> BadgeKind:
    """What a visit's badge shows. A pending request past its deadline reads Not Accepted, whether or not a job ran."""
    if status is VisitStatus.CANCELLED:
        return BadgeKind.CANCELLED
    if state is None or deadline is None:
        return BadgeKind.NONE
    if state is RequestState.ACCEPTED:
        return BadgeKind.ACCEPTED
    return BadgeKind.PENDING if can_answer(state, deadline, now=now) else BadgeKind.NOT_ACCEPTED


@dataclass(frozen=True, slots=True)
class InviteStanding:
    """One company's part in a request, as far as closing it is concerned.

    ``mails`` are the states of all its invite mails; ``alive`` those of mails to addresses that it still has.
    """

    answer: Answer | None
    mails: Sequence[MailState]
    alive: Sequence[MailState]

    @property
    def may_still_answer(self) -> bool:
        """Not answered, and at least one mail whose link can be used left or may still leave."""
        return self.answer is None and any(mail in {MailState.QUEUED, MailState.SENT} for mail in self.alive)


def closing_event(invites: Sequence[InviteStanding]) -> RequestEvent | None:
    """How a pending request closes once nobody is left who could answer; None while somebody is."""
    if any(invite.may_still_answer for invite in invites):
        return None
    if any(invite.answer is Answer.DECLINED for invite in invites):
        return RequestEvent.LAST_DECLINE
    return RequestEvent.LAST_BOUNCE


def deadline_event(invites: Sequence[InviteStanding]) -> RequestEvent:
    """How a pending request closes at its deadline: undeliverable when not one invite mail has left."""
    if any(mail is MailState.SENT for invite in invites for mail in invite.mails):
        return RequestEvent.EXPIRE
    # An answer proves that the mail arrived, whatever the mail server said about it.
    if any(invite.answer is not None for invite in invites):
        return RequestEvent.EXPIRE
    return RequestEvent.LAST_BOUNCE


class UserState(StrEnum):
    """How somebody of the clinic stands: INVITED has not chosen a password yet."""

    ACTIVE = "active"
    INVITED = "invited"
    DEACTIVATED = "deactivated"


def user_state(*, active: bool, has_password: bool) -> UserState:
    """Deactivated comes first: whether there is a password no longer matters then."""
    if not active:
        return UserState.DEACTIVATED
    return UserState.ACTIVE if has_password else UserState.INVITED


def password_link_expiry(*, created_at: datetime, invited: bool) -> datetime:
    """Until when a mailed link can set a password: 72 hours for an invitation, one for a reset. A whole minute."""
    return _whole_minute(created_at + (INVITATION_HOLDS if invited else RESET_HOLDS))


def password_link_holds(*, active: bool, used_at: datetime | None, expires_at: datetime, now: datetime) -> bool:
    """A link sets a password once, while now < expires_at, for somebody who is not deactivated."""
    return active and used_at is None and now < expires_at


class JoinWindow(StrEnum):
    EARLY = "early"
    OPEN = "open"
    OVER = "over"


def join_window(starts_at: datetime, ends_at: datetime, *, now: datetime) -> JoinWindow:
    """The meeting opens 15 minutes before the start and closes 30 minutes after the end."""
    if now < starts_at - JOIN_OPENS:
        return JoinWindow.EARLY
    return JoinWindow.OPEN if now < ends_at + JOIN_CLOSES else JoinWindow.OVER


def nonce_is_fresh(made_at: datetime, *, now: datetime) -> bool:
    """A page's nonce answers from 1.5 s (no person is faster) to 24 h after the page was made."""
    return NONCE_YOUNGEST <= now - made_at <= NONCE_OLDEST


_CLINIC_STATE = {
    MailKind.CLINIC_ACCEPTED: RequestState.ACCEPTED,
    MailKind.CLINIC_ALL_DECLINED: RequestState.ALL_DECLINED,
    MailKind.CLINIC_EXPIRED: RequestState.EXPIRED,
    MailKind.CLINIC_UNDELIVERABLE: RequestState.UNDELIVERABLE,
    MailKind.CLINIC_CONFIRMATION_BOUNCED: RequestState.ACCEPTED,
}


def is_pointless(
    kind: MailKind,
    *,
    state: RequestState,
    deadline: datetime,
    answer: Answer | None,
    is_current: bool,
    now: datetime,
) -> bool:
    """Whether a mail that has not left yet would tell its reader something that is no longer so.

    ``answer`` is the addressed company's; ``is_current`` says that some visit still points to the request.
    """
    if kind is MailKind.INVITE:
        return answer is not None or not can_answer(state, deadline, now=now)
    if kind is MailKind.FILLED:
        return state is not RequestState.ACCEPTED
    if kind in {MailKind.CONFIRMATION, MailKind.UPDATED}:
        return state is not RequestState.ACCEPTED or answer is not Answer.ACCEPTED
    if kind in {MailKind.CANCELLATION, MailKind.WITHDRAWN, MailKind.CLINIC_CANCELLATION_BOUNCED}:
        return False  # whoever was told must learn that it is over, however late
    return not is_current or state is not _CLINIC_STATE[kind]


RETRY_STEPS = (
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
)
RETRY_FOR = timedelta(hours=72)


def trying_since(before: datetime | None, *, due_at: datetime, now: datetime) -> datetime:
    """Since when a mail that is tried now has been tried, as far as its 72 hours go.

    While it was due and nobody tried (no mail server, no worker) they stand still: an outage uses up none of them.
    """
    return now if before is None else before + max(timedelta(), now - due_at)


def retry_at(
    *, attempts: int, trying_since: datetime, deadline: datetime | None = None, jitter: float, now: datetime
) -> datetime | None:
    """When a mail that was put off is tried again: full jitter (0 to 1) over a growing step; None after 72 hours.

    With a ``deadline`` the step ends there, so that there is one more try before it, except in its last seconds.
    """
    step = RETRY_STEPS[min(attempts, len(RETRY_STEPS)) - 1]
    if deadline is not None:
        step = min(step, max(deadline - now, RETRY_STEPS[0]))
    next_try = now + step * jitter
    return next_try if next_try < trying_since + RETRY_FOR else None


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be tried: a try fills a bucket by ``cost``, the bucket holds ``room`` and drains as time
    passes. So ``room / cost`` tries go at once, and then one each ``cost``."""

    cost: timedelta
    room: timedelta


PERSON_AT_NETWORK = Limit(cost=timedelta(minutes=3), room=timedelta(minutes=15))
PERSON_UNDER_ATTACK = Limit(cost=timedelta(minutes=15), room=timedelta(minutes=15))
"""Instead of the one before, in the same bucket, while a person's password is guessed at from many networks: one try in
15 minutes is left to each network, whatever the others do."""
NETWORK = Limit(cost=timedelta(seconds=30), room=timedelta(minutes=30))
KNOWN_BROWSER = Limit(cost=timedelta(minutes=3), room=timedelta(minutes=30))
"""Instead of the three before, where somebody has logged in as this person and the password is still the same."""
PERSON = Limit(cost=timedelta(minutes=1), room=timedelta(hours=1))
"""Failures in unknown browsers, from wherever. A full bucket refuses nobody: it means an attack."""
SPELL = Limit(cost=timedelta(hours=1), room=timedelta(hours=1))
"""How long nothing is refused until a spell of refusals is over."""
SPELL_IS_FRESH = Limit(cost=timedelta(minutes=30), room=timedelta(hours=1))
"""The same bucket: while it has no room for this one, the refusal just now need not be written down."""
OPEN_LOGIN = Limit(cost=timedelta(minutes=3), room=timedelta(minutes=15))
"""The current password, typed wrongly by who is logged in already."""
LINKS_FOR_NETWORK = Limit(cost=timedelta(minutes=6), room=timedelta(hours=2))
"""Asking for a password link, whoever it is for."""


def bucket_level(empty_at: datetime, limit: Limit, *, now: datetime) -> datetime:
    """When a bucket is empty that should be empty at ``empty_at``: no earlier than now, no later than one that is full
    now. Twice as full as can be was written by a clock that ran ahead, and keeps nobody out once it is right again."""
    if empty_at > now + 2 * limit.room:
        return now
    return min(max(empty_at, now), now + limit.room)


def next_try(empty_at: datetime, limit: Limit, *, now: datetime) -> datetime:
    """From when on the bucket has room for one more try: now, or later."""
    return max(now, bucket_level(empty_at, limit, now=now) + limit.cost - limit.room)


def network_of(address: str | None) -> str:
    """Who shares a limit: one IPv4 address, or the /56 of an IPv6 address, which is what a household is given."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, 56), strict=False))
