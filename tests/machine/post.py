"""The workers that send mail, the mail server that may refuse, and what each reader has been told so far.

Workers do what shared.sender does, without a network: claim, look whether the mail still has a point, render, and say
what became of it. Between these a worker may be slow, or die.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from shared.actions import ClaimedMail, claim_mail, drop_mail, mark_mail_refused, mark_mail_sent, put_off_mail
from shared.db import reading
from shared.mails import Letter, MailRenderer
from shared.models import InviteAddress, Mail, RequestVisit
from shared.queries import letter_of
from shared.states import MailKind, MailState, RequestState
from tests.machine.model import Clinic, Invite, Request, recount
from tests.machine.town import MARKERS

RENDERED_EVERY = 5
"""Rendering takes longer than all else; of the other mails the letter is looked at, which is all that they can say."""

TO_WINNER = (MailKind.CONFIRMATION, MailKind.UPDATED)
OF_CALENDAR = (*TO_WINNER, MailKind.CANCELLATION)
CLINIC_NEWS = {
    MailKind.CLINIC_ACCEPTED: RequestState.ACCEPTED,
    MailKind.CLINIC_ALL_DECLINED: RequestState.ALL_DECLINED,
    MailKind.CLINIC_EXPIRED: RequestState.EXPIRED,
    MailKind.CLINIC_UNDELIVERABLE: RequestState.UNDELIVERABLE,
    MailKind.CLINIC_CONFIRMATION_BOUNCED: RequestState.ACCEPTED,
    MailKind.CLINIC_CANCELLATION_BOUNCED: RequestState.ACCEPTED,  # once: it was won
}


class Fate(StrEnum):
    """What becomes of a mail that a worker has in hand."""

    TAKEN = "is taken by the mail server"
    REFUSED = "is refused: nobody there"
    LATER = "is put off by the mail server"
    BROKEN_TAKEN = "is taken, but the connection breaks before the server says so"
    BROKEN = "is lost with the connection, perhaps taken"
    DIED_TAKEN = "is taken, and the worker dies before it can say so"
    DIED = "is lost with its worker"


@dataclass(eq=False)
class InHand:
    """A mail that a worker has claimed and rendered."""

    claimed: ClaimedMail
    kind: MailKind
    request: Request
    invite: Invite | None
    email: str
    letter: Letter

    def __str__(self) -> str:
        return f"the {self.kind} mail to {self.email}"


@dataclass
class Post:
    clinics: list[Clinic]
    notice_closings: Callable[[datetime], None]
    renderer: MailRenderer
    hands: list[InHand] = field(default_factory=list)
    read: list[InHand] = field(default_factory=list)
    """What mail servers took, whether or not the worker lived to say so, in the order of taking."""
    doubtful: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    workers: int = 0

    def pick_up(self, now: datetime) -> str:
        """A worker claims the next due mail and looks at it; it holds it unless it is not to leave any more.
        Empty if none is due."""
        self.workers += 1
        self.notice_closings(now)
        claimed = claim_mail(owner=f"worker {self.workers}", now=now)
        if claimed is None:
            return ""
        if any(hand.claimed.id == claimed.id for hand in self.hands):
            self.doubtful.add(claimed.id)  # its lease is over, and the first worker has not been heard of
        row = _row(claimed.id)
        request = self._request(row.request_id)
        invite = next((one for one in request.invites.values() if one.id == row.invite_id), None)
        due = letter_of(claimed.id, now=now)
        assert due is not None
        assert isinstance(due.letter, Letter)
        hand = InHand(claimed, row.kind, request, invite, row.recipient, due.letter)
        has_point = _has_point(hand, now)
        assert due.pointless is not has_point, f"{hand} has {'a' if has_point else 'no'} point"
        if due.pointless:
            drop_mail(claimed, now=now)
            self._note(hand, MailState.DROPPED)
            return f"a worker drops {hand}, which has become pointless"
        if claimed.worn_out:
            put_off_mail(claimed, error="tried for 72 hours", jitter=1.0, now=now)
            self._failed(hand, MailState.DEAD, now)
            return f"a worker gives up {hand} after 72 hours"
        self._look_at(hand)
        self.hands.append(hand)
        return f"a worker picks up {hand}"

    def settle(self, hand: InHand, fate: Fate, now: datetime) -> str:
        """What becomes of a mail in a worker's hand."""
        self.hands.remove(hand)
        mail_id = hand.claimed.id
        if fate in {Fate.TAKEN, Fate.BROKEN_TAKEN, Fate.DIED_TAKEN}:
            self.read.append(hand)
        if fate in {Fate.BROKEN, Fate.BROKEN_TAKEN, Fate.DIED, Fate.DIED_TAKEN}:
            self.doubtful.add(mail_id)
        if fate is Fate.TAKEN and mark_mail_sent(hand.claimed, now=now):
            self.sent.add(mail_id)
            self._note(hand, MailState.SENT)
        elif fate is Fate.REFUSED:
            if mark_mail_refused(hand.claimed, error="550 nobody there", nobody_there=True, now=now):
                self.refused.add(mail_id)
                if hand.invite is not None and hand.email in hand.invite.company.emails:
                    hand.invite.company.refused.add(hand.email)
                self._failed(hand, MailState.BOUNCED, now)
        elif fate in {Fate.LATER, Fate.BROKEN, Fate.BROKEN_TAKEN}:
            doubt = fate is not Fate.LATER
            put_off_mail(hand.claimed, error="451 later", jitter=0.02, in_doubt=doubt, now=now)
            if _row(mail_id).state is MailState.DEAD:
                self._failed(hand, MailState.DEAD, now)
        return f"{hand} {fate}"

    def deliver_all(self, now: Callable[[], datetime], wait: Callable[[datetime], None]) -> None:
        """Until nothing is left to send: every mail server is well again, and time passes where a mail has to wait."""
        while self.hands:
            self.settle(self.hands[0], Fate.TAKEN, now())
        for _round in range(1000):
            self.pick_up(now())
            if self.hands:
                self.settle(self.hands[0], Fate.TAKEN, now())
                continue
            waiting = self._next_try()
            if waiting is None:
                return
            wait(max(waiting, now()))
        raise AssertionError("the outbox never gets empty")

    def read_by(self, invite: Invite, email: str, *kinds: MailKind) -> list[InHand]:
        """The mails that reached one address of an invite, each once."""
        found = {
            hand.claimed.id: hand
            for hand in self.read
            if hand.invite is invite and hand.email == email and hand.kind in kinds
        }
        return list(found.values())

    def _note(self, hand: InHand, state: MailState) -> None:
        if hand.invite is not None and hand.kind is MailKind.INVITE:
            hand.invite.mails[hand.email] = state
        elif hand.invite is not None and hand.kind in TO_WINNER:
            if hand.kind is MailKind.CONFIRMATION:
                hand.invite.confirmations[hand.email] = state
                hand.invite.confirmed |= state is MailState.SENT
            newest, _state = hand.invite.newest.get(hand.email, (0, state))
            if hand.claimed.id >= newest:
                hand.invite.newest[hand.email] = (hand.claimed.id, state)

    def _failed(self, hand: InHand, state: MailState, now: datetime) -> None:
        self._note(hand, state)
        if hand.kind is MailKind.INVITE:
            recount(hand.request, now)
        elif hand.kind is MailKind.CONFIRMATION and hand.invite and hand.request.state is RequestState.ACCEPTED:
            hand.request.unreachable += not hand.invite.is_told and not hand.request.lost
        elif hand.kind is MailKind.CANCELLATION:
            hand.request.uncancelled += _counts_on_it(hand, now)

    def _look_at(self, hand: InHand) -> None:
        """What no mail may hold, and what an invite must say."""
        letter, request = hand.letter, hand.request
        text = repr(letter)
        if self.workers % RENDERED_EVERY == 0:
            text = self.renderer.render(letter).as_string()
        assert not any(marker in text for marker in MARKERS), f"{hand} tells of the patient"
        if hand.kind is MailKind.INVITE:
            assert letter.deadline == request.deadline, f"{hand} names another deadline"
            assert [v.starts_at for v in letter.visits] == [v.starts_at for v in request.held]
        if hand.kind not in TO_WINNER:
            assert not letter.pin, f"{hand} holds the PIN"
        assert letter.clinic_name == request.appointment.clinic.name

    def _request(self, request_id: int) -> Request:
        return next(one for clinic in self.clinics for one in clinic.requests if one.id == request_id)

    def _next_try(self) -> datetime | None:
        with reading() as session:
            rows = session.execute(
                select(Mail.next_try_at, Mail.lease_until).where(Mail.state == MailState.QUEUED)
            ).all()
        return min((max(filter(None, row)) for row in rows), default=None)


def _has_point(hand: InHand, now: datetime) -> bool:
    """Whether the mail says what is still so (section 5)."""
    request, invite = hand.request, hand.invite
    if hand.kind is MailKind.INVITE:
        return invite is not None and invite.answer is None and request.is_open(now)
    if hand.kind is MailKind.FILLED:
        return request.state is RequestState.ACCEPTED
    if hand.kind in TO_WINNER:
        return request.state is RequestState.ACCEPTED and invite is request.winner and not request.lost
    if hand.kind is MailKind.CLINIC_CANCELLATION_BOUNCED:
        return _counts_on_it(hand, now)
    if hand.kind in CLINIC_NEWS:
        current = any(visit.request is request for visit in request.appointment.by_start)
        if hand.kind is MailKind.CLINIC_CONFIRMATION_BOUNCED and request.winner and request.winner.is_told:
            return False
        return current and request.state is CLINIC_NEWS[hand.kind]
    return True


def _counts_on_it(hand: InHand, now: datetime) -> bool:
    """Whether a company that lost its assignment has not heard so, is not about to, and something of it is ahead."""
    with reading() as session:
        mails = session.scalars(
            select(Mail.state).where(
                Mail.request_id == hand.request.id,
                Mail.kind == MailKind.CANCELLATION,
                Mail.invite_address_id.is_not(None),
            )
        ).all()
        ends = session.scalars(select(RequestVisit.ends_at).where(RequestVisit.request_id == hand.request.id)).all()
    return not {MailState.QUEUED, MailState.SENT} & set(mails) and any(instant > now for instant in ends)


def _row(mail_id: int) -> Any:
    with reading() as session:
        return session.execute(
            select(Mail.kind, Mail.state, Mail.request_id, Mail.invite_id, Mail.recipient, InviteAddress.email)
            .outerjoin(InviteAddress, InviteAddress.id == Mail.invite_address_id)
            .where(Mail.id == mail_id)
        ).one()
