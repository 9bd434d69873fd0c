"""Badges: what a visit's status is called, and the one quiet line below it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from shared import times
from shared.rules import badge_kind
from shared.states import BADGE_WORDS, BadgeKind, RequestState, VisitStatus

_LETTERS = {
    BadgeKind.PENDING: "p",
    BadgeKind.ACCEPTED: "a",
    BadgeKind.NOT_ACCEPTED: "n",
    BadgeKind.NONE: "o",
    BadgeKind.CANCELLED: "c",
}


@dataclass(frozen=True, slots=True)
class BadgeFacts:
    """What a badge is made of. ``any_sent``: at least one invite mail has left.

    ``queued`` and ``opened`` count the request's mails that have yet to leave and its links that were opened."""

    visit_id: int
    status: VisitStatus
    time_zone: str
    state: RequestState | None
    deadline: datetime | None
    language: str = ""
    asked: int = 0
    declined: int = 0
    any_sent: bool = False
    queued: int = 0
    opened: int = 0
    company_name: str = ""
    company_phone: str = ""
    responder: str = ""
    confirmation_bounced: bool = False


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge as shown. ``alarm`` is a line that needs somebody now; ``stamp`` tells one state of it from another:
    its first letter stands for the kind, the rest for the words, queued mails and opened links, so that a page can tell
    news from a ticking clock, and the details know when a company's mail has moved."""

    visit_id: int
    kind: BadgeKind
    words: str
    line: str
    alarm: str
    stamp: str


def badge_of(facts: BadgeFacts, *, now: datetime) -> Badge:
    """The badge for these facts at this instant."""
    kind = badge_kind(facts.status, facts.state, facts.deadline, now=now)
    line = _line(kind, facts, now)
    alarm = ""
    if kind is BadgeKind.ACCEPTED and facts.confirmation_bounced:
        alarm = f"The confirmation could not be delivered. Call {facts.company_name}, {facts.company_phone}."
    digest = hashlib.sha256(f"{kind}|{line}|{alarm}|{facts.queued}|{facts.opened}".encode()).hexdigest()[:6]
    return Badge(facts.visit_id, kind, BADGE_WORDS[kind], line, alarm, _LETTERS[kind] + digest)


def _line(kind: BadgeKind, facts: BadgeFacts, now: datetime) -> str:
    if kind in {BadgeKind.NONE, BadgeKind.CANCELLED} or facts.deadline is None:
        return ""
    if kind is BadgeKind.ACCEPTED:
        return f"{facts.language} · {', '.join(filter(None, (facts.company_name, facts.responder)))}"
    if kind is BadgeKind.PENDING:
        answers = f"{facts.declined} of {facts.asked} declined" if facts.declined else f"{facts.asked} asked"
        if not facts.any_sent:
            answers += ", mail queued"
        until = times.short_moment_text(facts.deadline, facts.time_zone, now=now)
        left = times.remaining_text(facts.deadline - now)
        return f"{facts.language} · {answers} · answers until {until}, {left} left"
    return f"{facts.language} · {_why_nobody(facts)}"


def _why_nobody(facts: BadgeFacts) -> str:
    if facts.state is RequestState.ALL_DECLINED:
        if facts.declined < facts.asked:
            return f"{facts.declined} of {facts.asked} declined, mail to the others could not be delivered"
        return "the company asked declined" if facts.asked == 1 else f"all {facts.asked} declined"
    if facts.state is RequestState.UNDELIVERABLE or not facts.any_sent:
        return "no mail could be delivered"
    if facts.state is RequestState.HANDED_BACK:
        return f"{facts.company_name} handed it back".strip()
    if facts.declined:
        return f"{facts.declined} of {facts.asked} declined, nobody else answered in time"
    return "nobody answered in time"
