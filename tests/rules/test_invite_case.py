"""What a company is shown, compared with the specification's table cell by cell."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.rules import InviteCase, can_answer, invite_case
from shared.states import Answer, RequestState
from tests.rules.answer_table import CELLS, MILLISECOND, NEVER_STORED, answer_of

DEADLINE = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
ROWS = {
    2: InviteCase.WITHDRAWN,
    3: InviteCase.WON,
    4: InviteCase.ASSIGNED_ELSEWHERE,
    5: InviteCase.CLOSED,
    6: InviteCase.DECLINED,
    7: InviteCase.OPEN,
}


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
