"""A plain model: what each appointment has been through, how its rows must stand, and who must have been told what."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import select

from shared.db import reading
from shared.models import Appointment, Company, Invite, Request, Visit
from shared.states import Answer, MailState, RequestState, VisitStatus
from tests.actions.changing import check_order
from tests.actions.desk import PROVIDER, SCHEDULER
from tests.world import World

Rows = tuple[list[VisitStatus], list[tuple[RequestState, dict[str, Answer | None]]]]

ADDRESSES: Mapping[str, Sequence[str]] = {
    "Clearsign": ["dispatch@clearsign.example"],
    "Northlight": ["dispatch@northlight.example"],
    "Handwave": ["one@handwave.example", "two@handwave.example"],
}
"""Handwave is asked, and told, at two addresses."""

INVITE_DURATION, MINUTE = timedelta(hours=24), timedelta(minutes=1)

ASKED, CONFIRMED, CANCELLED = "Request for ASL Interpreter", "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter"
FILLED, WITHDRAWN = "Filled, nothing to do", "Withdrawn, nothing to do"
ACCEPTED, ALL_DECLINED = "Interpreter accepted", "All companies declined"
EXPIRED, UNDELIVERABLE = "Request expired, nobody accepted", "Request could not be delivered"


@dataclass
class Asking:
    """One request: its state, and what each company said."""

    deadline: datetime
    answers: dict[str, Answer | None]
    state: RequestState = RequestState.PENDING

    @property
    def silent(self) -> list[str]:
        """Who has not answered."""
        return [company for company, answer in self.answers.items() if answer is None]

    @property
    def winner(self) -> str | None:
        """Who has it, if anybody."""
        holds = self.state is RequestState.ACCEPTED
        return next((one for one, answer in self.answers.items() if holds and answer is Answer.ACCEPTED), None)


@dataclass
class Story:
    """One appointment with one visit, some days off. All invites have left before anything else happens."""

    number: int
    addresses: Mapping[str, Sequence[str]] = field(default_factory=lambda: ADDRESSES)
    due: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many mails of these words each address must have got."""
    askings: list[Asking] = field(default_factory=list)
    is_cancelled: bool = False

    @property
    def rows(self) -> Rows:
        """How the rows must stand."""
        status = VisitStatus.CANCELLED if self.is_cancelled else VisitStatus.SCHEDULED
        return [status], [(asking.state, asking.answers) for asking in self.askings]

    def ask(self, companies: Iterable[str], *, now: datetime) -> "Story":
        """A new request is made; it can be answered for a day, to the end of a minute."""
        deadline = now + INVITE_DURATION
        whole = deadline.replace(second=0, microsecond=0)
        self.askings.append(Asking(whole if whole == deadline else whole + MINUTE, dict.fromkeys(companies)))
        self._tell(self.askings[-1].answers, ASKED)
        return self

    def accept(self, company: str) -> None:
        """The first company accepts."""
        self._close(RequestState.ACCEPTED, ACCEPTED)
        self.askings[-1].answers[company] = Answer.ACCEPTED
        self._tell([company], CONFIRMED)
        self._tell(self.askings[-1].silent, FILLED)

    def decline(self, company: str) -> None:
        """A company declines, perhaps the last."""
        self.askings[-1].answers[company] = Answer.DECLINED
        if not self.askings[-1].silent:
            self._close(RequestState.ALL_DECLINED, ALL_DECLINED)

    def let_pass(self, now: datetime) -> None:
        """It is that time: the deadline may have come."""
        if self.askings[-1].state is RequestState.PENDING and self.askings[-1].deadline <= now:
            self._close(RequestState.EXPIRED, EXPIRED)

    def bounce(self) -> None:
        """No company can be reached."""
        for company in self.askings[-1].answers:
            self.due -= Counter({(address, ASKED): 1 for address in self.addresses[company]})
        self._close(RequestState.UNDELIVERABLE, UNDELIVERABLE)

    def ask_anew(self, companies: Sequence[str], *, now: datetime) -> None:
        """Edit, or Ask again: the request is withdrawn and another made."""
        self._end(RequestState.WITHDRAWN, but=companies)
        self.ask(companies, now=now)

    def cancel(self) -> None:
        """The visit is cancelled, and its request with it."""
        self._end(RequestState.CANCELLED)
        self.is_cancelled = True

    def _close(self, state: RequestState, words: str) -> None:
        self.askings[-1].state = state
        self.due.update((address, words) for address in (SCHEDULER, PROVIDER))

    def _end(self, state: RequestState, *, but: Sequence[str] = ()) -> None:
        asking = self.askings[-1]
        if asking.winner is not None:
            self._tell([asking.winner], CANCELLED)
        elif asking.state is RequestState.PENDING:
            self._tell([company for company in asking.silent if company not in but], WITHDRAWN)
        asking.state = state

    def _tell(self, companies: Iterable[str], words: str) -> None:
        self.due.update((address, words) for company in companies for address in self.addresses[company])


def rows_of(world: World) -> dict[int, Rows]:
    """Every appointment's visits, requests and answers, by its number."""
    with world.jobs.app_context(), reading() as session:
        numbers = {row.id: row.number for row in session.scalars(select(Appointment))}
        found: dict[int, Rows] = {number: ([], []) for number in numbers.values()}
        for visit in session.scalars(select(Visit).order_by(Visit.id)):
            found[numbers[visit.appointment_id]][0].append(visit.status)
        names = {row.id: row.name for row in session.scalars(select(Company))}
        answers: dict[int, dict[str, Answer | None]] = {}
        for invite in session.scalars(select(Invite).order_by(Invite.position)):
            answers.setdefault(invite.request_id, {})[names[invite.company_id]] = invite.answer
        for request in session.scalars(select(Request).order_by(Request.id)):
            found[numbers[request.appointment_id]][1].append((request.state, answers.get(request.id, {})))
        return found


def check(world: World, arrived: Sequence[EmailMessage], stories: Iterable[Story]) -> int:
    """Rows and mails are what the stories say: which appointment, to whom, in what words; one Message-ID is one mail.
    Gives how many came in once more."""
    found, told = rows_of(world), {story.number: story.rows for story in stories}
    assert found.keys() == told.keys()
    for number, rows in told.items():
        assert found[number] == rows, f"A-{number}: {found[number]}, but by its story {rows}"
    check_order(world)
    due = Counter({(story.number, *key): times for story in stories for key, times in story.due.items()})
    mails = Counter((str(mail["Message-ID"]), *_about(mail)) for mail in arrived)
    got = Counter((number, address, words) for _id, number, address, words in mails)
    assert not due - got, f"lost: {due - got}"
    assert not got - due, f"nobody called for: {got - due}"
    sent = {mail.message_id for mail in world.outbox() if mail.state is MailState.SENT}
    assert sent <= {message_id[1:].partition("@")[0] for message_id, *_about in mails}
    return mails.total() - len(mails)


def _about(mail: EmailMessage) -> tuple[int, str, str]:
    words, _date, reference = str(mail["Subject"]).split(" · ")
    return int(reference.removeprefix("A-")), str(mail["To"]), words
