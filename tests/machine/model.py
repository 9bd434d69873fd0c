"""A plain model of who asked whom about what, and what each may see of it: sections 3 to 6 of the handbook.

It knows the product's enums and nothing else of it. Objects are compared by identity; ``id`` (of the product's row) is
pinned on from outside. Instants are aware UTC.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.rules import InviteCase
from shared.states import Answer, BadgeKind, MailState, RequestState, VisitType

ENDED = {RequestState.WITHDRAWN, RequestState.CANCELLED, RequestState.HANDED_BACK}
CLOSED = {RequestState.ALL_DECLINED, RequestState.EXPIRED, RequestState.UNDELIVERABLE}


@dataclass(eq=False)
class Company:
    name: str
    languages: set[str]
    emails: list[str]
    id: int = 0
    accredited: bool = True
    refused: set[str] = field(default_factory=set)

    @property
    def working(self) -> list[str]:
        """The addresses where, as far as anybody knows, somebody is."""
        return [email for email in self.emails if email not in self.refused]

    def can_be_asked(self, language: str) -> bool:
        return self.accredited and language in self.languages and bool(self.working)


@dataclass(eq=False)
class Group:
    name: str
    language: str
    members: list[Company]
    id: int = 0


@dataclass(eq=False)
class Person:
    name: str
    email: str
    id: int = 0


@dataclass(eq=False)
class Clinic:
    name: str
    zone: str
    phone: str
    dial_in: str
    companies: list[Company]
    groups: list[Group]
    providers: list[Person]
    id: int = 0
    asks: bool = True
    invites_last: timedelta = timedelta(hours=24)
    appointments: list["Appointment"] = field(default_factory=list)

    @property
    def visits(self) -> list["Visit"]:
        return [visit for appointment in self.appointments for visit in appointment.visits]

    @property
    def requests(self) -> list["Request"]:
        return [request for appointment in self.appointments for request in appointment.requests]


@dataclass(frozen=True)
class Rule:
    """Every day, or every week on ``weekdays`` (0 is Monday); ends by ``count`` dates or ``until``."""

    weekdays: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None

    def dates(self, first: date) -> list[date]:
        found: list[date] = []
        day = first
        while (self.count is None or len(found) < self.count) and (self.until is None or day <= self.until):
            if not self.weekdays or day.weekday() in self.weekdays:
                found.append(day)
            day += timedelta(days=1)
        return found


@dataclass(eq=False)
class Series:
    """A rule and the date it began on."""

    rule: Rule
    first: date


@dataclass(eq=False)
class Appointment:
    """``rooms`` counts how often the room was changed."""

    clinic: Clinic
    visits: list["Visit"] = field(default_factory=list)
    requests: list["Request"] = field(default_factory=list)
    rooms: int = 0

    @property
    def by_start(self) -> list["Visit"]:
        """The visits that still are to be, by start."""
        return sorted((v for v in self.visits if not v.cancelled), key=lambda visit: (visit.starts_at, visit.id))


@dataclass(eq=False)
class Visit:
    """``version`` counts its changes; ``occurs_on`` is the date its rule gave, wherever it was moved;
    ``handed_over``: it had another provider before."""

    appointment: Appointment
    starts_at: datetime
    minutes: int
    provider: Person
    kind: VisitType
    patient_contact: str
    series: Series | None = None
    occurs_on: date | None = None
    request: "Request | None" = None
    cancelled: bool = False
    handed_over: bool = False
    version: int = 1
    id: int = 0

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def local(self) -> datetime:
        return self.starts_at.astimezone(ZoneInfo(self.appointment.clinic.zone))

    def badge(self, now: datetime) -> BadgeKind:
        if self.cancelled:
            return BadgeKind.CANCELLED
        if self.request is None:
            return BadgeKind.NONE
        if self.request.state is RequestState.ACCEPTED:
            return BadgeKind.ACCEPTED
        return BadgeKind.PENDING if self.request.is_open(now) else BadgeKind.NOT_ACCEPTED


@dataclass(eq=False)
class Invite:
    """``first`` are the addresses it was made with; ``mails`` are its invite mails by address, ``confirmations`` the
    winner's; ``due`` counts how often each of the two was to go to an address (more than once only if somebody said
    that it works again). ``newest`` are the ids and states of what an address was told last of its assignment,
    ``confirmed``: a confirmation has left for some address."""

    request: "Request"
    company: Company
    first: tuple[str, ...]
    mails: dict[str, MailState] = field(default_factory=dict)
    answer: Answer | None = None
    id: int = 0
    links: dict[str, str] = field(default_factory=dict)
    guest_id: str = ""
    confirmations: dict[str, MailState] = field(default_factory=dict)
    due: Counter[tuple[str, str]] = field(default_factory=Counter)
    newest: dict[str, tuple[int, MailState]] = field(default_factory=dict)
    confirmed: bool = False

    def case(self, now: datetime) -> InviteCase:
        """The first matching row of the table "What GET and POST show"."""
        request = self.request
        if request.state in ENDED:
            return InviteCase.WITHDRAWN
        if request.state is RequestState.ACCEPTED:
            if self.answer is not Answer.ACCEPTED:
                return InviteCase.ASSIGNED_ELSEWHERE
            return InviteCase.WITHDRAWN if request.lost else InviteCase.WON
        if not request.is_open(now):
            return InviteCase.CLOSED
        return InviteCase.DECLINED if self.answer is Answer.DECLINED else InviteCase.OPEN

    def owe(self, email: str, mails: dict[str, MailState], what: str) -> None:
        """The address is due a mail, unless it has it or is about to."""
        if mails.get(email) not in {MailState.QUEUED, MailState.SENT}:
            mails[email] = MailState.QUEUED
            self.due[what, email] += 1

    def holds_others(self, now: datetime) -> bool:
        """Whether the company holds visits of the appointment to come by another request, and so its room."""
        others = (request for request in self.request.appointment.requests if request.holds(now))
        return any(other.winner is not None and other.winner.company is self.company for other in others)

    @property
    def went_well(self) -> bool:
        """Whether at every moment since it was made, one of its mails at least had left or was about to."""
        return any(self.mails[email] is MailState.SENT and self.due["invite", email] == 1 for email in self.first)

    @property
    def is_told(self) -> bool:
        """Whether a confirmation has left, or still may."""
        return self.confirmed or MailState.QUEUED in self.confirmations.values()

    @property
    def may_still_answer(self) -> bool:
        return self.answer is None and bool({MailState.QUEUED, MailState.SENT} & set(self.mails.values()))


@dataclass(eq=False)
class Request:
    """``told`` are all visits it ever asked about; ``updates`` counts what its winner had to be told anew.

    ``successors`` are the requests made by the change that ended it; ``lost``: its winner lost all that was to come,
    and what it keeps was past by then; ``unreachable`` counts how often the last confirmation to its winner was lost,
    ``uncancelled`` the last cancellation.
    """

    appointment: Appointment
    language: str
    picks: frozenset[str]
    notes: str
    told: list[Visit]
    deadline: datetime
    invites: dict[Company, Invite] = field(default_factory=dict)
    state: RequestState = RequestState.PENDING
    states: list[RequestState] = field(default_factory=list)
    left: set[Visit] = field(default_factory=set)
    updates: int = 0
    successors: list["Request"] = field(default_factory=list)
    lost: bool = False
    unreachable: int = 0
    uncancelled: int = 0
    id: int = 0

    def __post_init__(self) -> None:
        self.states = [self.state]

    def move(self, state: RequestState) -> None:
        self.state = state
        self.states.append(state)

    def is_open(self, now: datetime) -> bool:
        return self.state is RequestState.PENDING and now < self.deadline

    @property
    def winner(self) -> Invite | None:
        return next((invite for invite in self.invites.values() if invite.answer is Answer.ACCEPTED), None)

    @property
    def held(self) -> list[Visit]:
        """What it is (or was last) about, by start."""
        return sorted((v for v in self.told if v not in self.left), key=lambda visit: visit.starts_at)

    def to_come(self, now: datetime) -> list[Visit]:
        return [visit for visit in self.held if visit.ends_at > now]

    def holds(self, now: datetime) -> bool:
        """Whether some company holds visits to come."""
        return self.state is RequestState.ACCEPTED and bool(self.to_come(now))

    @property
    def was_won(self) -> bool:
        return RequestState.ACCEPTED in self.states


def deadline_of(clinic: Clinic, starts: Iterable[datetime], now: datetime) -> datetime:
    """Confirm + the clinic's invite duration, told in whole minutes, but never past the next start."""
    until = now + clinic.invites_last
    if until.second or until.microsecond:
        until = until.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return min(until, *starts)


def companies_of(clinic: Clinic, picks: Iterable[str], language: str) -> tuple[list[Company], bool]:
    """Whom the ticks ask, and whether each tick can be asked. A tick is "company:3" or "group:1"."""
    found: dict[Company, None] = {}
    fine = True
    for pick in picks:
        what, _, number = pick.partition(":")
        if what == "group":
            group = next((group for group in clinic.groups if group.id == int(number)), None)
            members = [company for company in group.members if company.can_be_asked(language)] if group else []
            some = members if group and group.language == language else []
        else:
            company = next((company for company in clinic.companies if company.id == int(number)), None)
            some = [company] if company and company.can_be_asked(language) else []
        fine = fine and bool(some)
        found |= dict.fromkeys(some)
    return list(found), fine


def ask(
    appointment: Appointment,
    visits: list[Visit],
    companies: list[Company],
    *,
    language: str,
    picks: frozenset[str],
    notes: str,
    now: datetime,
) -> Request:
    """One request about the visits; each company's working addresses are due a mail."""
    deadline = deadline_of(appointment.clinic, (visit.starts_at for visit in visits), now)
    request = Request(appointment, language, picks, notes, list(visits), deadline)
    for company in companies:
        request.invites[company] = invite = Invite(request, company, tuple(company.working))
        for email in invite.first:
            invite.owe(email, invite.mails, "invite")
    appointment.requests.append(request)
    for visit in visits:
        visit.request = request
    return request


def closing_at_deadline(request: Request) -> RequestState:
    """Expired, or undeliverable when no invite mail has left: an answer proves that one has."""
    arrived = any(
        invite.answer is not None or MailState.SENT in invite.mails.values() for invite in request.invites.values()
    )
    return RequestState.EXPIRED if arrived else RequestState.UNDELIVERABLE


def recount(request: Request, now: datetime) -> None:
    """Close an open request when the last answer or bounce has come in."""
    invites = request.invites.values()
    if request.is_open(now) and not any(invite.may_still_answer for invite in invites):
        declined = any(invite.answer is Answer.DECLINED for invite in invites)
        request.move(RequestState.ALL_DECLINED if declined else RequestState.UNDELIVERABLE)


def answer(invite: Invite, said: Answer, now: datetime) -> str:
    """Accept or decline through a link: "taken", "repeated" or "refused"."""
    case = invite.case(now)
    if case is (InviteCase.WON if said is Answer.ACCEPTED else InviteCase.DECLINED):
        return "repeated"
    if case is not InviteCase.OPEN:
        return "refused"
    invite.answer = said
    if said is Answer.ACCEPTED:
        invite.request.move(RequestState.ACCEPTED)
        for email in invite.mails:
            invite.owe(email, invite.confirmations, "confirmation")
    else:
        recount(invite.request, now)
    return "taken"


def told_anew(clinic: Clinic, now: datetime, provider: Person | None = None) -> None:
    """The clinic's contact or dial-in number, or a provider's name has changed: every holder is due an update."""
    for request in clinic.requests:
        if request.holds(now) and (provider is None or any(v.provider is provider for v in request.to_come(now))):
            request.updates += 1


def reach_address(clinic: Clinic, company: Company, email: str, now: datetime) -> None:
    """An address is new or works again: it gets what the company may still answer, or holds."""
    company.refused.discard(email)
    if email not in company.emails:
        company.emails.append(email)
    for request in clinic.requests:
        invite = request.invites.get(company)
        if invite is None:
            continue
        if request.is_open(now) and invite.answer is None:
            invite.owe(email, invite.mails, "invite")
        elif request.holds(now) and invite is request.winner:
            invite.mails.setdefault(email, MailState.DROPPED)
            if invite.newest.get(email, (0, MailState.SENT))[1] is not MailState.SENT:
                invite.confirmations[email] = MailState.DROPPED  # it missed the last
            invite.owe(email, invite.confirmations, "confirmation")
