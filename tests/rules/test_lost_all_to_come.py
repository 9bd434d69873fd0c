"""When an accepted request has nothing left but history: its links are dead, and its winner is told that it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.rules import lost_all_to_come

NOW = datetime(2026, 12, 3, 20, 0, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=1), NOW + timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)

CASES: dict[str, tuple[list[tuple[datetime | None, datetime]], bool]] = {
    "nothing ever left": ([(None, BEFORE), (None, AFTER)], False),
    "nothing ever left and all is past": ([(None, BEFORE)], False),
    "one left, one is to come": ([(NOW, AFTER), (None, AFTER)], False),
    "one left, one was going on": ([(NOW, AFTER), (None, NOW + MILLISECOND)], False),
    "all to come left, the rest was past": ([(NOW, AFTER), (None, NOW), (None, BEFORE)], True),
    "everything left": ([(NOW, AFTER), (BEFORE, AFTER)], True),
    "one left long ago, the rest simply passed": ([(BEFORE, AFTER), (None, BEFORE + MILLISECOND)], False),
    "the last of two to leave counts": ([(BEFORE, AFTER), (NOW, AFTER), (None, NOW - MILLISECOND)], True),
    "no visit at all": ([], False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_winner_lost_all_to_come_if_nothing_was_ahead_of_it_when_its_last_visit_left(name: str) -> None:
    visits, lost = CASES[name]
    assert lost_all_to_come(visits) is lost
