"""Holds the product's rows, pages and mails against the model: after every step, and when all mail is delivered."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from shared.audit import AuditEvent
from shared.db import reading
from shared.models import Appointment as AppointmentRow
from shared.models import AuditEntry, Invite, InviteAddress, Mail, Request, RequestVisit, Visit
from shared.queries import Lobby, badges, invite_page, lobby
from shared.rules import InviteCase
from shared.states import Answer, MailKind, MailState, RequestState, VisitStatus
from shared.tokens import LinkKind, VerifiedLink
from tests.machine import model
from tests.machine.model import CLOSED, ENDED, Clinic, closing_at_deadline
from tests.machine.post import CLINIC_NEWS, OF_CALENDAR, TO_WINNER, InHand, Post
from tests.machine.town import Town

TRIED = {MailState.SENT, MailState.BOUNCED, MailState.DEAD}
NEWS = {MailKind.FILLED, MailKind.WITHDRAWN}

ByAddress = defaultdict[tuple[int, str], list[Any]]
"""The mails of an invite to one address."""


class Watch:
    """What was seen so far, so that a fall or a change can be told."""

    def __init__(self, town: Town, post: Post) -> None:
        self._town = town
        self._post = post
        self._rooms: dict[int, list[tuple[str, str]]] = {}
        self._sequences: dict[int, int] = {}

    # ---- after every step

    def compare(self, now: datetime) -> None:
        """Visits, requests, answers, rooms and sequences are as the model has them."""
        self.notice_closings(now)
        with reading() as session:
            for clinic in self._town.clinics:
                self._compare_requests(session, clinic)
                self._compare_visits(session, clinic)
                self._compare_rooms(session, clinic)

    def notice_closings(self, now: datetime) -> None:
        """From its deadline on a pending request may be closed by whoever writes to it next, in one way only."""
        overdue = {
            request.id: request
            for clinic in self._town.clinics
            for request in clinic.requests
            if request.state is RequestState.PENDING and now >= request.deadline
        }
        if not overdue:
            return
        with reading() as session:
            rows = session.execute(select(Request.id, Request.state).where(Request.id.in_(overdue)))
            closed = [row.id for row in rows if row.state in CLOSED]
        for request_id in closed:
            overdue[request_id].move(closing_at_deadline(overdue[request_id]))

    def _compare_visits(self, session: Any, clinic: Clinic) -> None:
        rows = {row.id: row for row in session.execute(select(Visit.__table__).where(Visit.clinic_id == clinic.id))}
        assert set(rows) == {visit.id for visit in clinic.visits}, "visits that nobody asked for"
        for visit in clinic.visits:
            row = rows[visit.id]
            assert (row.status is VisitStatus.CANCELLED) == visit.cancelled, f"visit {row.id} is {row.status}"
            if visit.cancelled:
                continue
            found = (row.starts_at, row.ends_at, row.provider_id, row.visit_type, row.patient_contact, row.occurs_on)
            wanted = (visit.starts_at, visit.ends_at, visit.provider.id, visit.kind, visit.patient_contact)
            assert found == (*wanted, visit.occurs_on), f"visit {row.id}: {found}, not {wanted}"
            request_id = visit.request.id if visit.request else None
            assert row.request_id == request_id, f"visit {row.id} has request {row.request_id}, not {request_id}"
            assert row.version == visit.version, f"visit {row.id} has version {row.version}, not {visit.version}"

    def _compare_requests(self, session: Any, clinic: Clinic) -> None:
        rows = {row.id: row for row in session.execute(select(Request.__table__).where(Request.clinic_id == clinic.id))}
        assert set(rows) == {request.id for request in clinic.requests}, "requests that nobody made"
        invites = {
            row.id: row
            for row in session.execute(
                select(Invite.__table__)
                .join(Request.__table__, Request.id == Invite.request_id)
                .where(Request.clinic_id == clinic.id)
            )
        }
        left = session.execute(
            select(RequestVisit.request_id, RequestVisit.visit_id)
            .join(Request, Request.id == RequestVisit.request_id)
            .where(Request.clinic_id == clinic.id, RequestVisit.left_at.is_not(None))
        )
        gone = {(row.request_id, row.visit_id) for row in left}
        for request in clinic.requests:
            row = rows[request.id]
            assert row.state is request.state, f"request {row.id} is {row.state}, not {request.state}"
            assert row.deadline == request.deadline, f"request {row.id} ends {row.deadline}, not {request.deadline}"
            assert (row.language_tag, row.notes) == (request.language, request.notes)
            assert {visit_id for request_id, visit_id in gone if request_id == row.id} == {v.id for v in request.left}
            for invite in request.invites.values():
                self._compare_invite(invites.pop(invite.id), invite)
        assert not invites, "invites of companies that nobody asked"

    def _compare_invite(self, row: Any, invite: model.Invite) -> None:
        assert row.answer is invite.answer, f"{invite.company.name}'s answer is {row.answer}, not {invite.answer}"
        assert row.calendar_sequence >= self._sequences.get(row.id, 0), "a calendar sequence fell"
        self._sequences[row.id] = row.calendar_sequence

    def _compare_rooms(self, session: Any, clinic: Clinic) -> None:
        rows = session.execute(
            select(AppointmentRow.id, AppointmentRow.room, AppointmentRow.pin, Visit.id.label("visit_id"))
            .join(Visit, Visit.appointment_id == AppointmentRow.id)
            .where(AppointmentRow.clinic_id == clinic.id)
        )
        doors = {row.visit_id: (row.id, row.room, row.pin) for row in rows}
        for appointment in clinic.appointments:
            number, room, pin = doors[appointment.visits[0].id]
            seen = self._rooms.setdefault(number, [(room, pin)])
            if seen[-1] != (room, pin):
                assert seen[-1][0] != room, "the PIN changed without the room"
                assert seen[-1][1] != pin, "the room changed without the PIN"
                seen.append((room, pin))
            assert len(seen) == appointment.rooms + 1, (
                f"appointment {number} had {len(seen)} rooms, not {appointment.rooms + 1}"
            )

    # ---- when all mail is delivered

    def check_mail(self, now: datetime) -> None:
        """What each address was told, and the clinic's news."""
        for clinic in self._town.clinics:
            mails = _mails(clinic)
            by_address: ByAddress = defaultdict(list)
            for row in mails:
                by_address[row.invite_id, row.email].append(row)
            self._check_accounts(mails)
            for request in clinic.requests:
                for invite in request.invites.values():
                    self._check_sequences(invite)
                    for email in invite.mails:
                        self._check_told(invite, email, by_address, now)
                self._check_clinic_news(request, mails)

    def check_pages(self, now: datetime) -> None:
        """Badges, every link's page, lobbies, and the trail."""
        for clinic in self._town.clinics:
            self._check_badges(clinic, now)
            for request in clinic.requests:
                for invite in request.invites.values():
                    self._check_pages(invite, now)
            _check_trail(clinic, _mails(clinic))

    def check_deadlines(self, now: datetime) -> None:
        """At the very instant of a deadline, and a moment before it, links show what they then should."""
        for clinic in self._town.clinics:
            for request in clinic.requests:
                if timedelta() <= request.deadline - now <= timedelta(milliseconds=1):
                    for invite in request.invites.values():
                        self._check_pages(invite, now)

    def _check_accounts(self, mails: Sequence[Any]) -> None:
        """Every mail is accounted for, and none is called sent that the mail server did not take."""
        for row in mails:
            assert row.state is not MailState.QUEUED, f"mail {row.id} never leaves"
            assert (row.state is MailState.SENT) == (row.id in self._post.sent), f"mail {row.id} is {row.state}"
            assert (row.state is MailState.BOUNCED) == (row.id in self._post.refused), f"mail {row.id} is {row.state}"

    def _check_badges(self, clinic: Clinic, now: datetime) -> None:
        ids = [visit.id for visit in clinic.visits]
        shown = {live.badge.visit_id: live.badge for live in badges(self._town.scope(clinic), ids, now=now)}
        for visit in clinic.visits:
            badge = shown[visit.id]
            assert badge.kind is visit.badge(now), f"visit {visit.id} shows {badge.words}, not {visit.badge(now)}"
        assert not badges(self._town.scope(self._town.other(clinic)), ids, now=now), "seen by the other clinic"

    def _check_pages(self, invite: model.Invite, now: datetime) -> None:
        for link_id in invite.links.values():
            page = invite_page(VerifiedLink(LinkKind.INVITE, link_id), now=now)
            assert page is not None
            assert page.case is invite.case(now), f"{invite.company.name} sees {page.case}, not {invite.case(now)}"
            assert page.deadline == invite.request.deadline
            assert bool(page.pin) == (page.case is InviteCase.WON), "a PIN for somebody else"
        room = lobby(VerifiedLink(LinkKind.GUEST, invite.guest_id), now=now)
        won = invite.case(now) is InviteCase.WON
        assert isinstance(room, Lobby) is won, f"{invite.company.name}'s guest link is {'dead' if won else 'alive'}"
        if isinstance(room, Lobby):
            assert [v.offer.visit_id for v in room.visits] == [v.id for v in invite.request.held], "other visits"

    def _check_sequences(self, invite: model.Invite) -> None:
        """Two calendar files that differ never have one sequence. A cancellation is nobody's to update: of what it says
        only the visits count, and not today's phone number."""
        seen: dict[int, object] = {}
        for hand in self._post.read:
            if hand.invite is invite and hand.kind in OF_CALENDAR:
                visits, *ways = _said(hand)
                said = (visits, *(() if hand.kind is MailKind.CANCELLATION else ways))
                assert seen.setdefault(hand.letter.sequence, said) == said, "a sequence did not rise"

    def _asked_again(self, invite: model.Invite, email: str, mails: ByAddress) -> tuple[bool, bool]:
        """Whether the company got a later invite about one of the same visits, or this address the news of one; and
        whether it was asked anew by the change that ended this one, without a moment in which it was not."""
        request, company = invite.request, invite.company
        later = [
            other.invites[company]
            for other in request.appointment.requests
            if other.id > request.id and company in other.invites and set(other.told) & set(request.told)
        ]
        got = any(hand.invite in later for hand in self._post.read)
        news = any(row.kind in NEWS and row.state in TRIED for one in later for row in mails[one.id, email])
        return got or news, any(one.went_well for one in later if one.request in request.successors)

    def _check_told(self, invite: model.Invite, email: str, by_address: ByAddress, now: datetime) -> None:
        """What one address was told agrees with what has become of the request, and nothing was told twice."""
        mails = by_address[invite.id, email]
        request, who = invite.request, f"{email} about request {invite.request.id} ({_words(mails)})"
        gone = any(row.state in {MailState.BOUNCED, MailState.DEAD} for row in mails)
        read = {row.id for row in mails} & {hand.claimed.id for hand in self._post.read}
        told = Counter(row.kind for row in mails if row.state in TRIED or row.id in read)
        asked = any(row.id in read for row in mails if row.kind is MailKind.INVITE)
        doubt = any(row.id in self._post.doubtful for row in mails if row.kind is MailKind.INVITE)
        for kind in (MailKind.FILLED, MailKind.WITHDRAWN, MailKind.CANCELLATION):
            assert told[kind] <= 1, f"{who} got {kind} {told[kind]} times"
        won = invite.answer is Answer.ACCEPTED
        assert told[MailKind.INVITE] <= invite.due["invite", email], f"{who} was invited {told[MailKind.INVITE]} times"
        confirmed = told[MailKind.CONFIRMATION]
        assert confirmed <= invite.due["confirmation", email], f"{who} was confirmed {confirmed} times"
        assert told[MailKind.UPDATED] <= (request.updates if won else 0), f"{who} got too many updates"
        if won:
            assert not told[MailKind.FILLED] + told[MailKind.WITHDRAWN], f"{who} won, and heard that it had not"
            if not gone:  # nobody can be told at an address where nobody is
                self._check_winner(invite, email, told, who, now)
        else:
            assert not told[MailKind.CANCELLATION], f"{who} never won, and got a cancellation"
            news = sum(row.id in read for row in mails if row.kind in NEWS)
            unheard = any(row.id in self._post.doubtful for row in mails if row.kind is MailKind.FILLED)
            assert news <= 1 + unheard, f"{who} read twice that there is nothing to do"
            if not (asked or doubt):
                assert not told[MailKind.FILLED] + told[MailKind.WITHDRAWN], f"{who} is told something for nothing"
                return
            later, anew = self._asked_again(invite, email, by_address)
            self._check_loser(invite, told, silent=gone or not asked, later=later, anew=anew, who=who)

    def _check_loser(
        self, invite: model.Invite, told: Counter[MailKind], *, silent: bool, later: bool, anew: bool, who: str
    ) -> None:
        """Filled, or nothing to do: one of them to whoever was asked, unless there is ``silent`` nobody to tell.

        ``later`` and ``anew``: what _asked_again says.
        """
        request = invite.request
        news = told[MailKind.FILLED] + told[MailKind.WITHDRAWN]
        over = request.was_won or request.state in ENDED
        if invite.answer is not None or not over:
            assert not news, f"{who} is told something for nothing"
            return
        assert not told[MailKind.FILLED] or request.was_won, f"{who} hears that it is filled"
        assert not told[MailKind.WITHDRAWN] or request.state in ENDED, f"{who} hears that it is withdrawn"
        if request.state not in ENDED:
            assert news or silent, f"{who} was asked and never heard that somebody else has it"
            return
        if anew:
            assert not told[MailKind.WITHDRAWN], f"{who} is asked anew and hears that there is nothing to do"
        assert news or later or silent, f"{who} was asked and never heard that it is over"

    def _check_winner(self, invite: model.Invite, email: str, told: Counter[MailKind], who: str, now: datetime) -> None:
        """Whoever holds visits knows exactly which, and how; whoever lost all knows that, and no way in."""
        request, case = invite.request, invite.case(now)
        known = self._post.read_by(invite, email, *TO_WINNER)
        over = told[MailKind.CANCELLATION]
        if case is not InviteCase.WON:
            assert over or not known, f"{who} lost its visits and never heard of it"
            knows = any(hand.letter.pin == _pin(request) for hand in known)
            assert not knows or invite.holds_others(now), f"{who} lost all and has the PIN"
            return
        assert not over, f"{who} has visits and got a cancellation"
        assert told[MailKind.CONFIRMATION], f"{who} won and never got a confirmation"
        if known and request.to_come(now):
            newest = max(known, key=lambda hand: hand.letter.sequence)
            said, true = _said(newest, now), _true(request, now)
            assert said == true, f"{who} believes {said}, but it is {true}"

    def _check_clinic_news(self, request: model.Request, mails: Sequence[Any]) -> None:
        clinic = request.appointment.clinic
        people = {person.email for person in clinic.providers}
        current = any(visit.request is request for visit in request.appointment.by_start)
        for kind, state in CLINIC_NEWS.items():
            rows = [row for row in mails if row.kind is kind and row.request_id == request.id]
            happened = int(state in request.states)
            if kind is MailKind.CLINIC_CONFIRMATION_BOUNCED:
                happened = request.unreachable
            elif kind is MailKind.CLINIC_CANCELLATION_BOUNCED:
                happened = request.uncancelled
            assert bool(rows) == bool(happened), f"request {request.id}: {len(rows)} mails {kind}"
            to = Counter(row.recipient for row in rows)
            assert all(times == happened for times in to.values()), f"{kind} so often to one person: {to}"
            if rows:
                assert set(to) - people, "whoever confirmed hears nothing"
                assert set(to) & people, "no provider hears of it"
            if rows and current and request.state is state and kind is not MailKind.CLINIC_CANCELLATION_BOUNCED:
                held = [visit for visit in request.held if visit.request is request and not visit.handed_over]
                assert {visit.provider.email for visit in held} <= set(to), "the provider hears nothing"
                over = kind is MailKind.CLINIC_CONFIRMATION_BOUNCED and request.winner and request.winner.is_told
                assert over or all(row.state in TRIED for row in rows), f"{kind} was dropped"


def _words(mails: Sequence[Any]) -> str:
    return ", ".join(f"{row.id} {row.kind} {row.state}" for row in mails)


def _said(hand: InHand, now: datetime | None = None) -> tuple[Any, ...]:
    """What a letter to a winner says of the visits (those to come after ``now``), and of the way in."""
    letter = hand.letter
    visits = tuple(
        (visit.starts_at, visit.ends_at, visit.visit_type.value, visit.provider_name)
        for visit in letter.visits
        if now is None or visit.ends_at > now
    )
    return visits, letter.pin, letter.dial_in_number, letter.contact_phone, letter.notes


def _true(request: model.Request, now: datetime) -> tuple[Any, ...]:
    clinic = request.appointment.clinic
    visits = tuple((v.starts_at, v.ends_at, v.kind.value, v.provider.name) for v in request.to_come(now))
    return visits, _pin(request), clinic.dial_in, clinic.phone, request.notes


def _pin(request: model.Request) -> str:
    with reading() as session:
        return session.scalars(
            select(AppointmentRow.pin)
            .join(Request, Request.appointment_id == AppointmentRow.id)
            .where(Request.id == request.id)
        ).one()


def _mails(clinic: Clinic) -> Sequence[Any]:
    with reading() as session:
        return session.execute(
            select(Mail.id, Mail.kind, Mail.state, Mail.request_id, Mail.invite_id, Mail.recipient, InviteAddress.email)
            .outerjoin(InviteAddress, InviteAddress.id == Mail.invite_address_id)
            .where(Mail.clinic_id == clinic.id)
            .order_by(Mail.id)
        ).all()


def _check_trail(clinic: Clinic, mails: Sequence[Any]) -> None:
    """Every move has its line."""
    with reading() as session:
        lines = session.execute(
            select(AuditEntry.__table__).where(AuditEntry.clinic_id == clinic.id).order_by(AuditEntry.id)
        ).all()
    moves: dict[int, list[str]] = {}
    for line in lines:
        if line.what == AuditEvent.REQUEST_MOVED:
            moves.setdefault(line.request_id, []).append(line.to_state)
    counted = Counter((line.what, line.visit_id) for line in lines)
    answers = Counter((line.what, line.invite_id) for line in lines)
    sent = Counter((line.what, line.mail_id) for line in lines)
    for request in clinic.requests:
        assert moves.get(request.id, []) == [state.value for state in request.states[1:]], f"request {request.id}"
        for invite in request.invites.values():
            assert answers[AuditEvent.INVITE_ACCEPTED, invite.id] == (invite.answer is Answer.ACCEPTED)
            assert answers[AuditEvent.INVITE_DECLINED, invite.id] == (invite.answer is Answer.DECLINED)
    for visit in clinic.visits:
        assert counted[AuditEvent.VISIT_CREATED, visit.id] == 1
        assert counted[AuditEvent.VISIT_CANCELLED, visit.id] == visit.cancelled
    for row in mails:
        assert sent[AuditEvent.MAIL_SENT, row.id] == (row.state is MailState.SENT)
        assert sent[AuditEvent.MAIL_BOUNCED, row.id] == (row.state is MailState.BOUNCED)
