"""What a company is shown: the table of the specification, written out a second time and compared cell by cell."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.rules import InviteCase, can_answer, invite_case
from shared.states import Answer, RequestState

DEADLINE = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# state, this company's answer: the row of the table before the deadline / at and after it
TABLE = """
pending        none      7  5
pending        declined  6  5
accepted       accepted  3  3
accepted       none      4  4
accepted       declined  4  4
all_declined   none      5  5
all_declined   declined  5  5
expired        none      5  5
expired        declined  5  5
undeliverable  none      5  5
undeliverable  declined  5  5
withdrawn      none      2  2
withdrawn      declined  2  2
withdrawn      accepted  2  2
cancelled      none      2  2
cancelled      declined  2  2
cancelled      accepted  2  2
handed_back    none      2  2
handed_back    declined  2  2
handed_back    accepted  2  2
"""
NEVER_STORED = {("pending", "accepted"), ("all_declined", "accepted"), ("expired", "accepted")} | {
    ("undeliverable", "accepted")
}
"""An acceptance is written together with the request's move to accepted, and only withdrawing moves it on."""

ROWS = {
    2: InviteCase.WITHDRAWN,
    3: InviteCase.WON,
    4: InviteCase.ASSIGNED_ELSEWHERE,
    5: InviteCase.CLOSED,
    6: InviteCase.DECLINED,
    7: InviteCase.OPEN,
}
CELLS = [tuple(line.split()) for line in TABLE.strip().splitlines()]


def answer_of(word: str) -> Answer | None:
    return None if word == "none" else Answer(word)


@pytest.mark.parametrize(("state", "answer", "before", "after"), CELLS)
def test_a_company_is_shown_the_row_of_the_table_that_applies(state: str, answer: str, before: str, after: str) -> None:
    for moment, row in (
        (DEADLINE - timedelta(days=1), before),
        (DEADLINE - MILLISECOND, before),
        (DEADLINE, after),
        (DEADLINE + MILLISECOND, after),
        (DEADLINE + timedelta(days=400), after),
    ):
        shown = invite_case(RequestState(state), answer_of(answer), DEADLINE, now=moment)
        assert shown is ROWS[int(row)], moment


def test_the_table_names_every_state_and_answer_that_can_be_stored() -> None:
    named = {(state, answer) for state, answer, _before, _after in CELLS}
    words = ("none", *Answer)

    assert named | NEVER_STORED == {(str(state), str(word)) for state in RequestState for word in words}
    assert not named & NEVER_STORED


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("answer", [None, *Answer])
def test_a_guest_link_is_shown_to_the_winner_of_an_accepted_request_and_to_nobody_else(
    state: RequestState, answer: Answer | None
) -> None:
    for moment in (DEADLINE - MILLISECOND, DEADLINE, DEADLINE + MILLISECOND):
        won = invite_case(state, answer, DEADLINE, now=moment) is InviteCase.WON
        assert won == (state is RequestState.ACCEPTED and answer is Answer.ACCEPTED)


@pytest.mark.parametrize("state", RequestState)
def test_only_a_pending_request_can_be_answered_and_only_before_its_deadline(state: RequestState) -> None:
    pending = state is RequestState.PENDING

    assert can_answer(state, DEADLINE, now=DEADLINE - MILLISECOND) == pending
    assert not can_answer(state, DEADLINE, now=DEADLINE)
    assert not can_answer(state, DEADLINE, now=DEADLINE + MILLISECOND)
