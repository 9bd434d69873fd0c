"""The states of requests and mails: which moves exist, and how a request closes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import InviteStanding, closing_event, deadline_event
from shared.states import (
    MAIL_MOVES,
    REQUEST_MOVES,
    Answer,
    MailEvent,
    MailState,
    RequestEvent,
    RequestState,
    next_mail_state,
    next_request_state,
)

LEADS_TO = {
    "pending": {"accepted", "all_declined", "expired", "undeliverable", "withdrawn", "cancelled"},
    "accepted": {"withdrawn", "cancelled", "handed_back"},
}
FINAL = {"all_declined", "expired", "undeliverable", "withdrawn", "cancelled", "handed_back"}

NOT_LEAVING = (MailState.BOUNCED, MailState.DROPPED, MailState.DEAD)


def standing(answer: Answer | None, mails: list[tuple[MailState, bool]]) -> InviteStanding:
    """A company's part, from its mails and whether it still has the address of each."""
    return InviteStanding(answer, tuple(mail for mail, _kept in mails), tuple(mail for mail, kept in mails if kept))


standings = st.lists(
    st.builds(
        standing,
        st.sampled_from([None, Answer.DECLINED]),
        st.lists(st.tuples(st.sampled_from(MailState), st.sampled_from([True, True, False])), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=5,
)


def asked(*mails: MailState) -> InviteStanding:
    return InviteStanding(None, mails, mails)


def declined(*mails: MailState) -> InviteStanding:
    return InviteStanding(Answer.DECLINED, mails, mails)


def test_a_request_moves_along_the_arrows_of_the_specification_and_no_others() -> None:
    arrows: dict[str, set[str]] = {}
    for (before, _event), after in REQUEST_MOVES.items():
        arrows.setdefault(before, set()).add(after)

    assert arrows == LEADS_TO
    assert FINAL | set(LEADS_TO) == set(RequestState)


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("event", RequestEvent)
def test_a_closed_request_never_moves_again(state: str, event: RequestEvent) -> None:
    assert next_request_state(RequestState(state), event) is None


@pytest.mark.parametrize("event", [RequestEvent.ACCEPT, RequestEvent.LAST_DECLINE, RequestEvent.EXPIRE])
def test_an_accepted_request_is_neither_won_again_nor_closed_by_answers_or_time(event: RequestEvent) -> None:
    assert next_request_state(RequestState.ACCEPTED, event) is None


def test_a_mail_is_settled_once() -> None:
    assert {before for before, _event in MAIL_MOVES} == {MailState.QUEUED}
    for state in set(MailState) - {MailState.QUEUED}:
        assert all(next_mail_state(state, event) is None for event in MailEvent)


def test_while_one_company_may_still_answer_the_request_stays_open() -> None:
    for mail in (MailState.QUEUED, MailState.SENT):
        assert closing_event([declined(MailState.SENT), asked(mail)]) is None
        assert closing_event([asked(MailState.BOUNCED), asked(MailState.BOUNCED, mail)]) is None


def test_when_everybody_declined_the_request_closes_as_declined() -> None:
    assert closing_event([declined(MailState.SENT), declined(MailState.SENT)]) is RequestEvent.LAST_DECLINE


@pytest.mark.parametrize("mail", NOT_LEAVING)
def test_one_decline_among_mails_that_can_not_arrive_closes_the_request_as_declined(mail: MailState) -> None:
    assert closing_event([asked(mail), declined(MailState.SENT)]) is RequestEvent.LAST_DECLINE


@pytest.mark.parametrize("mail", NOT_LEAVING)
def test_when_no_mail_can_arrive_and_nobody_answered_the_request_is_undeliverable(mail: MailState) -> None:
    assert closing_event([asked(mail), asked(mail, mail)]) is RequestEvent.LAST_BOUNCE


@given(standings)
def test_a_request_closes_early_exactly_when_nobody_is_left_and_as_declined_exactly_when_somebody_did(
    invites: list[InviteStanding],
) -> None:
    somebody_left = any(i.answer is None and {"queued", "sent"} & set(i.alive) for i in invites)
    event = closing_event(invites)

    assert (event is None) == somebody_left
    if event is not None:
        somebody_declined = any(i.answer is Answer.DECLINED for i in invites)
        assert event is (RequestEvent.LAST_DECLINE if somebody_declined else RequestEvent.LAST_BOUNCE)


def test_at_the_deadline_a_request_of_which_a_mail_has_left_is_expired() -> None:
    assert deadline_event([asked(MailState.QUEUED), asked(MailState.SENT)]) is RequestEvent.EXPIRE
    assert deadline_event([asked(MailState.BOUNCED, MailState.SENT)]) is RequestEvent.EXPIRE


@pytest.mark.parametrize("mail", [MailState.QUEUED, *NOT_LEAVING])
def test_at_the_deadline_a_request_of_which_no_mail_has_left_is_undeliverable(mail: MailState) -> None:
    assert deadline_event([asked(mail), asked(mail, mail)]) is RequestEvent.LAST_BOUNCE


def test_an_answer_proves_that_a_mail_arrived_whatever_the_mail_server_said() -> None:
    assert deadline_event([asked(MailState.QUEUED), declined(MailState.BOUNCED)]) is RequestEvent.EXPIRE


@given(standings)
def test_whatever_closes_a_pending_request_is_a_move_of_the_table(invites: list[InviteStanding]) -> None:
    for event in (closing_event(invites), deadline_event(invites)):
        assert event is None or next_request_state(RequestState.PENDING, event) is not None
