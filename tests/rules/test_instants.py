"""Rules about when: deadlines, the page nonce, the Join window, retries; each edge before, at and after."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import JoinWindow, badge_kind, deadline_for, join_window, nonce_is_fresh, retry_at
from shared.states import BADGE_WORDS, BadgeKind, RequestState, VisitStatus

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)

instants = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds and adds the zone itself
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def test_the_deadline_is_the_invite_duration_after_confirm() -> None:
    deadline = deadline_for(confirmed_at=NOW, invite_duration=DAY, next_start=NOW + DAY + MILLISECOND)
    assert deadline == NOW + DAY


def test_the_deadline_is_never_past_the_start_of_the_next_visit() -> None:
    start = NOW + DAY - MILLISECOND
    assert deadline_for(confirmed_at=NOW, invite_duration=DAY, next_start=start) == start
    assert deadline_for(confirmed_at=NOW, invite_duration=timedelta(days=30), next_start=start) == start


def test_the_deadline_is_a_whole_minute_because_that_is_what_mails_print() -> None:
    later = NOW + timedelta(seconds=12, milliseconds=345)
    assert deadline_for(confirmed_at=later, invite_duration=DAY, next_start=NOW + 2 * DAY) == NOW + DAY + MINUTE


@given(instants, st.timedeltas(MINUTE, timedelta(days=30)), instants)
def test_the_deadline_is_the_earlier_of_the_two_to_the_minute(
    confirmed: datetime, duration: timedelta, start: datetime
) -> None:
    deadline = deadline_for(confirmed_at=confirmed, invite_duration=duration, next_start=start)
    until = confirmed + duration

    assert deadline <= start
    assert deadline == start or (until <= deadline < until + MINUTE and deadline.second == deadline.microsecond == 0)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(seconds=-1), False),  # from a clock that went back, or forged by somebody who has the key
        (timedelta(), False),
        (timedelta(seconds=1.5) - MILLISECOND, False),
        (timedelta(seconds=1.5), True),
        (timedelta(seconds=1.5) + MILLISECOND, True),
        (DAY - MILLISECOND, True),
        (DAY, True),
        (DAY + MILLISECOND, False),
        (timedelta(days=400), False),
    ],
)
def test_a_page_answers_from_one_and_a_half_seconds_to_twenty_four_hours_after_it_was_made(
    age: timedelta, *, fresh: bool
) -> None:
    assert nonce_is_fresh(NOW, now=NOW + age) is fresh


@pytest.mark.parametrize(
    ("from_start", "window"),
    [
        (timedelta(minutes=-15) - MILLISECOND, JoinWindow.EARLY),
        (timedelta(minutes=-15), JoinWindow.OPEN),
        (timedelta(), JoinWindow.OPEN),
        (timedelta(minutes=45 + 30) - MILLISECOND, JoinWindow.OPEN),
        (timedelta(minutes=45 + 30), JoinWindow.OVER),
    ],
)
def test_the_meeting_opens_15_minutes_before_the_start_and_closes_30_minutes_after_the_end(
    from_start: timedelta, window: JoinWindow
) -> None:
    assert join_window(NOW, NOW + timedelta(minutes=45), now=NOW + from_start) is window


STEPS = [30, 60, 120, 300, 900, 1800, 3600, 3600, 3600]
"""Seconds: the longest wait after the first, second, … try."""


@pytest.mark.parametrize(("attempts", "seconds"), list(enumerate(STEPS, start=1)))
def test_each_try_waits_up_to_a_longer_step_and_at_most_an_hour(attempts: int, seconds: int) -> None:
    longest = retry_at(attempts=attempts, trying_since=NOW, jitter=1.0, now=NOW)
    half = retry_at(attempts=attempts, trying_since=NOW, jitter=0.5, now=NOW)

    assert longest == NOW + timedelta(seconds=seconds)
    assert half == NOW + timedelta(seconds=seconds / 2)
    assert retry_at(attempts=attempts, trying_since=NOW, jitter=0.0, now=NOW) == NOW


def test_a_mail_is_tried_for_72_hours_and_not_longer() -> None:
    end = NOW + timedelta(hours=72)

    assert retry_at(attempts=1, trying_since=NOW, jitter=0.0, now=end - MILLISECOND) == end - MILLISECOND
    assert retry_at(attempts=1, trying_since=NOW, jitter=0.0, now=end) is None
    assert retry_at(attempts=9, trying_since=NOW, jitter=1.0, now=end - timedelta(hours=1)) is None


@given(st.integers(1, 10_000), st.floats(0, 1), st.timedeltas(timedelta(), timedelta(days=5)))
def test_a_retry_never_lies_in_the_past_nor_beyond_the_72_hours(attempts: int, jitter: float, age: timedelta) -> None:
    next_try = retry_at(attempts=attempts, trying_since=NOW, jitter=jitter, now=NOW + age)
    assert next_try is None or NOW + age <= next_try < NOW + timedelta(hours=72)


BADGES = {
    None: "No interpreter asked",
    RequestState.ACCEPTED: "Accepted",
    RequestState.ALL_DECLINED: "Not Accepted",
    RequestState.EXPIRED: "Not Accepted",
    RequestState.UNDELIVERABLE: "Not Accepted",
    RequestState.HANDED_BACK: "Not Accepted",
}


@pytest.mark.parametrize(("state", "words"), list(BADGES.items()))
def test_a_badge_reads_what_became_of_the_request_at_any_time(state: RequestState | None, words: str) -> None:
    deadline = None if state is None else NOW
    for moment in (NOW - MILLISECOND, NOW, NOW + DAY):
        assert BADGE_WORDS[badge_kind(VisitStatus.SCHEDULED, state, deadline, now=moment)] == words


def test_a_pending_request_reads_not_accepted_from_its_deadline_on_without_any_job() -> None:
    kinds = [
        badge_kind(VisitStatus.SCHEDULED, RequestState.PENDING, NOW, now=moment)
        for moment in (NOW - MILLISECOND, NOW, NOW + MILLISECOND)
    ]
    assert kinds == [BadgeKind.PENDING, BadgeKind.NOT_ACCEPTED, BadgeKind.NOT_ACCEPTED]


@pytest.mark.parametrize("state", [None, *RequestState])
def test_a_cancelled_visit_reads_cancelled_whatever_its_request(state: RequestState | None) -> None:
    assert badge_kind(VisitStatus.CANCELLED, state, NOW, now=NOW) is BadgeKind.CANCELLED
