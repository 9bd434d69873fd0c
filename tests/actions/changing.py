"""Changing visits as their pages do: a wish, its preview, its Confirm. After each change the house must be in order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import icalendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions.changes import ChangeOutcome, ChangePromise, ChangeResult, change_visit
from shared.changes import ChangeKind, ChangePlan, Wish
from shared.db import reading
from shared.models import Invite, InviteAddress, Mail, Request, RequestVisit, Visit
from shared.queries.changes import change_form, plan_of_change
from shared.repeat import Repeat
from shared.rules import CLOSED_STATES, WITHDRAWN_STATES
from shared.states import Answer, Frequency, MailKind, MailState, Reach, RequestState, Role, VisitStatus
from tests.world import ClinicInWorld, OpenMail, World

THIS, FOLLOWING, ALL = Reach.THIS, Reach.FOLLOWING, Reach.ALL
NOT_VALID = "Your meeting URL is no longer valid. The meeting may have been rescheduled or canceled"
WEEKLY = Repeat(Frequency.WEEKLY, (1,), None, None, 6)
"""Six Tuesdays, the first of them tomorrow: 24 Nov, 1, 8, 15, 22 and 29 Dec 2026."""

LIVE = {RequestState.PENDING, RequestState.ACCEPTED}
_keys = count(1)


def lost(dates: int) -> str:
    """What the mail is called that tells a winner that some of its dates are gone."""
    return f"{dates} {'date' if dates == 1 else 'dates'} no longer yours: ASL Interpreter"


def picks(world: World, *names: str) -> tuple[str, ...]:
    """The ticks for companies and groups of these names."""
    return world.draft(ask=names).picks


def wish(
    world: World,
    visit: int,
    kind: ChangeKind = ChangeKind.EDIT,
    *,
    reach: Reach = THIS,
    by: Role = Role.SCHEDULER,
    clinic: ClinicInWorld | None = None,
    ask: Sequence[str] | None = None,
    why: str = "",
    **changes: object,
) -> Wish:
    """What somebody makes of the visit's form as it opens now; ``ask`` names whom to tick instead."""
    with world.jobs.app_context():
        form = change_form((clinic or world.clinic).scope(by), visit, kind, now=world.now)
    if kind is ChangeKind.CANCEL:
        return Wish(kind, visit, form.version, reach, None, why)
    draft = replace(form.draft, picks=form.picks)
    if ask is not None:
        changes |= {"picks": picks(world, *ask), "language_tag": draft.language_tag or "ase" if ask else ""}
    return Wish(kind, visit, form.version, reach, replace(draft, **changes))  # type: ignore[arg-type]


def plan_of(world: World, wanted: Wish, *, by: Role = Role.SCHEDULER) -> ChangePlan:
    """What its preview shows."""
    with world.jobs.app_context():
        return plan_of_change(world.clinic.scope(by), wanted, now=world.now)


def promise(world: World, wanted: Wish, *, key: str = "", by: Role = Role.SCHEDULER) -> ChangePromise:
    """What its preview promises."""
    plan = plan_of(world, wanted, by=by)
    return ChangePromise(key or f"change-{next(_keys)}", wanted.digest(), plan.versions, plan.asked, plan.winner_ids)


def confirm(
    world: World, wanted: Wish, promised: ChangePromise | None = None, *, by: Role = Role.SCHEDULER
) -> ChangeResult:
    """Press Confirm, on a preview made now unless one was made before."""
    promised = promised or promise(world, wanted, by=by)
    with world.jobs.app_context():
        result = change_visit(world.clinic.scope(by), wanted, promised, now=world.now)
    check_order(world)
    return result


def edit(world: World, visit: int, *, reach: Reach = THIS, ask: Sequence[str] | None = None, **changes: object) -> None:
    """Edit a visit, with success."""
    result = confirm(world, wish(world, visit, reach=reach, ask=ask, **changes))  # type: ignore[arg-type]
    assert result.outcome is ChangeOutcome.CHANGED, result


def ask_again(
    world: World, visit: int, *, reach: Reach = THIS, ask: Sequence[str] | None = None, **more: object
) -> None:
    """Ask again for a visit, with success; with the ticks that the form starts with unless others are named."""
    result = confirm(world, wish(world, visit, ChangeKind.ASK, reach=reach, ask=ask, **more))  # type: ignore[arg-type]
    assert result.outcome is ChangeOutcome.CHANGED, result


def cancel(world: World, visit: int, *, reach: Reach = THIS, why: str = "") -> None:
    """Cancel a visit, with success."""
    result = confirm(world, wish(world, visit, ChangeKind.CANCEL, reach=reach, why=why))
    assert result.outcome is ChangeOutcome.CHANGED, result


def book_series(world: World, *, ask: Sequence[str] = ("ASL daytime",), **changes: object) -> list[int]:
    """The ids of a booked series: six Tuesdays unless another rule is given."""
    first = world.book(ask=ask, **({"repeat": WEEKLY} | changes))  # type: ignore[arg-type]
    return [visit.id for visit in family(world, first)]


def family(world: World, visit: int) -> list[Visit]:
    """All visits of a visit's appointment, cancelled ones too, by their start."""
    with world.jobs.app_context(), reading() as session:
        appointment = session.get_one(Visit, visit).appointment_id
        return list(
            session.scalars(
                select(Visit).where(Visit.appointment_id == appointment).order_by(Visit.starts_at, Visit.id)
            )
        )


def visit_of(world: World, visit: int) -> Visit:
    """The visit's row."""
    with world.jobs.app_context(), reading() as session:
        return session.get_one(Visit, visit)


def requests_of(world: World, visit: int) -> list[RequestState]:
    """The states of all requests that were ever made for a visit, oldest first."""
    with world.jobs.app_context(), reading() as session:
        found = select(Request.state).join(RequestVisit, RequestVisit.request_id == Request.id)
        return list(session.scalars(found.where(RequestVisit.visit_id == visit).order_by(Request.id)))


def asked(world: World, visit: int) -> list[str]:
    """The companies asked by the visit's current request, in the order they were asked."""
    names = {number: name for name, number in world.clinic.companies.items()}
    return [names[invite.company_id] for invite in world.invites_of(visit)]


def told(world: World, company: str) -> list[str]:
    """What a company's mails were, without dates and numbers."""
    return [subject.partition(" · ")[0] for subject in world.subjects(to=company)]


def calendars(mail: OpenMail) -> list[icalendar.Calendar]:
    """The calendar files attached to a mail."""
    files = [part for part in mail.message.iter_attachments() if part.get_content_type() == "application/ics"]
    return [icalendar.Calendar.from_ical(file.get_content()) for file in files]


def uids(mail: OpenMail) -> set[str]:
    """The UIDs in a mail's calendar files."""
    return {str(event["UID"]) for calendar in calendars(mail) for event in calendar.walk("VEVENT")}


def check_order(world: World) -> None:
    """What must hold after every change (spec, section 10), whatever came before it."""
    with world.jobs.app_context(), reading() as session:
        for request in session.scalars(select(Request)):
            _check_answers(session, request)
            _check_offer(session, request)
            _check_told(session, request)
        keys = [(m.kind, m.invite_address_id) for m in session.scalars(select(Mail)) if m.invite_address_id]
        once = [key for key in keys if key[0] is not MailKind.UPDATED]
        assert len(once) == len(set(once)), "a company is told the same twice"


def _check_answers(session: Session, request: Request) -> None:
    answers = list(session.scalars(select(Invite.answer).where(Invite.request_id == request.id)))
    won = answers.count(Answer.ACCEPTED)
    if request.state is RequestState.ACCEPTED:
        assert won == 1, "one company holds an accepted request"
    elif request.state not in WITHDRAWN_STATES:
        assert won == 0, f"nobody holds a request that is {request.state}"
    assert won <= 1, "two companies were assigned"


def _check_offer(session: Session, request: Request) -> None:
    """A live request holds exactly the visits that point to it, and says of those to come how they are."""
    rows = session.scalars(select(RequestVisit).where(RequestVisit.request_id == request.id)).all()
    pointing = set(
        session.scalars(select(Visit.id).where(Visit.request_id == request.id, Visit.status == VisitStatus.SCHEDULED))
    )
    held = {row.visit_id for row in rows if row.left_at is None}
    if request.state in LIVE:
        assert held == pointing, "the offer of a live request is what its visits are"
        for row in rows:
            visit = session.get_one(Visit, row.visit_id)
            if row.left_at is None:
                assert (row.starts_at, row.ends_at, row.visit_type) == (
                    visit.starts_at,
                    visit.ends_at,
                    visit.visit_type,
                ), "a company was told otherwise"
    if request.state in WITHDRAWN_STATES:
        assert not pointing, "no visit points to a request that is over"


def _check_told(session: Session, request: Request) -> None:
    """Nobody is left with a question, or an assignment, that is no more."""
    for address in session.scalars(select(InviteAddress).join(Invite).where(Invite.request_id == request.id)):
        invite = session.get_one(Invite, address.invite_id)
        mails = {
            mail.kind: mail
            for mail in session.scalars(select(Mail).where(Mail.invite_address_id == address.id).order_by(Mail.id))
        }
        states = {kind: mail.state for kind, mail in mails.items()}
        question = mails.get(MailKind.INVITE)
        if request.state is not RequestState.PENDING and question is not None and question.lease_owner is None:
            assert question.state is not MailState.QUEUED, "the invite of a request that is over was left in the queue"
        news = [kind for kind in (MailKind.FILLED, MailKind.WITHDRAWN) if _goes_out(states.get(kind))]
        was_asked = states.get(MailKind.INVITE) is MailState.SENT and invite.answer is None
        if was_asked and request.state not in {RequestState.PENDING, *CLOSED_STATES}:
            assert news or _asked_later(session, request, invite), "a company was left with a question that is no more"
        assert len(news) < 2, "a company was told twice that there is nothing to do"
        if request.state in WITHDRAWN_STATES and states.get(MailKind.CONFIRMATION) is MailState.SENT:
            assert _goes_out(states.get(MailKind.CANCELLATION)), "a winner was not told that it is over"


def _goes_out(state: MailState | None) -> bool:
    return state in {MailState.QUEUED, MailState.SENT}


def _asked_later(session: Session, request: Request, invite: Invite) -> bool:
    """Whether a later request about one of the visits has a mail to this company that left or will."""
    visits = select(RequestVisit.visit_id).where(RequestVisit.request_id == request.id)
    later = (
        select(Mail.state)
        .join(Invite, Invite.id == Mail.invite_id)
        .join(RequestVisit, RequestVisit.request_id == Mail.request_id)
        .where(
            Mail.request_id > request.id,
            RequestVisit.visit_id.in_(visits),
            Invite.company_id == invite.company_id,
            Mail.kind.in_((MailKind.INVITE, MailKind.WITHDRAWN, MailKind.FILLED)),
        )
    )
    return any(_goes_out(state) for state in session.scalars(later))
