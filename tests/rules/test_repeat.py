"""How a series repeats: the dates a rule gives, its words, and how a calendar writes it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.repeat import MOST_VISITS, Repeat
from shared.states import Frequency

FIRST = date(2026, 11, 24)
"""A Tuesday."""

UNTIL = datetime(2026, 12, 29, 17, 30, tzinfo=UTC)


def days(rule: Repeat, first_on: date = FIRST) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in rule.dates(first_on)]


def test_daily_gives_every_day() -> None:
    assert days(Repeat(Frequency.DAILY, count=3)) == ["2026-11-24", "2026-11-25", "2026-11-26"]


def test_weekly_gives_the_chosen_days_in_order() -> None:
    assert days(Repeat(Frequency.WEEKLY, (3, 1), count=4)) == ["2026-11-24", "2026-11-26", "2026-12-01", "2026-12-03"]


def test_a_weekly_rule_that_does_not_name_its_first_day_begins_later() -> None:
    assert days(Repeat(Frequency.WEEKLY, (0,), count=2)) == ["2026-11-30", "2026-12-07"]


def test_it_ends_on_a_date_included_or_after_a_count() -> None:
    assert days(Repeat(Frequency.WEEKLY, (1,), until=date(2026, 12, 8))) == ["2026-11-24", "2026-12-01", "2026-12-08"]
    assert len(days(Repeat(Frequency.WEEKLY, (1,), until=date(2026, 12, 7)))) == 2
    assert days(Repeat(Frequency.WEEKLY, (1,), until=date(2026, 11, 23))) == []


def test_the_first_to_the_28th_of_a_month_are_that_day() -> None:
    rule = Repeat(Frequency.MONTHLY, (), 28, count=3)
    assert days(rule, date(2027, 1, 28)) == ["2027-01-28", "2027-02-28", "2027-03-28"]


@pytest.mark.parametrize(
    ("day", "first_on", "found"),
    [
        (29, date(2027, 1, 29), ["01-29", "02-28", "03-29", "04-29"]),
        (30, date(2027, 1, 30), ["01-30", "02-28", "03-30", "04-30"]),
        (31, date(2027, 1, 31), ["01-31", "02-28", "03-31", "04-30"]),
        (31, date(2028, 1, 31), ["01-31", "02-29", "03-31", "04-30"]),
        (29, date(2028, 2, 29), ["02-29", "03-29", "04-29", "05-29"]),
    ],
)
def test_29_to_31_mean_the_last_day_where_the_month_is_shorter(day: int, first_on: date, found: list[str]) -> None:
    rule = Repeat(Frequency.MONTHLY, (), day, count=4)
    assert [text[5:] for text in days(rule, first_on)] == found


def test_it_gives_one_date_more_than_allowed_so_that_too_many_shows() -> None:
    for rule in (Repeat(Frequency.DAILY, count=500), Repeat(Frequency.DAILY, until=date(2030, 1, 1))):
        assert len(rule.dates(FIRST)) == MOST_VISITS + 1
    assert len(Repeat(Frequency.DAILY, count=MOST_VISITS).dates(FIRST)) == MOST_VISITS


RULES = st.one_of(
    st.builds(lambda count: Repeat(Frequency.DAILY, count=count), st.integers(1, 52)),
    st.builds(
        lambda weekdays, count: Repeat(Frequency.WEEKLY, tuple(weekdays), count=count),
        st.sets(st.integers(0, 6), min_size=1),
        st.integers(1, 52),
    ),
    st.builds(
        lambda day, count: Repeat(Frequency.MONTHLY, (), day, count=count), st.integers(1, 31), st.integers(1, 52)
    ),
)


@given(RULES, st.dates(date(2026, 1, 1), date(2032, 12, 31)))
def test_dates_rise_begin_no_earlier_than_the_first_and_are_as_many_as_asked_for(rule: Repeat, first_on: date) -> None:
    found = rule.dates(first_on)

    assert list(found) == sorted(set(found))
    assert found[0] >= first_on
    assert len(found) == rule.count


@given(RULES, st.dates(date(2026, 1, 1), date(2032, 12, 31)), st.integers(0, 51))
def test_a_rule_that_goes_on_from_one_of_its_dates_gives_the_same_dates(
    rule: Repeat, first_on: date, position: int
) -> None:
    found = rule.dates(first_on)
    position = min(position, len(found) - 1)
    rest = Repeat(rule.frequency, rule.weekdays, rule.month_day, None, len(found) - position)

    assert rest.dates(found[position]) == found[position:]


@given(RULES, st.dates(date(2026, 1, 1), date(2032, 12, 31)))
def test_weekdays_and_the_day_of_the_month_are_kept(rule: Repeat, first_on: date) -> None:
    for day in rule.dates(first_on):
        if rule.frequency is Frequency.WEEKLY:
            assert day.weekday() in rule.weekdays
        if rule.month_day is not None:
            last = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            assert day.day == min(rule.month_day, last.day)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Repeat(Frequency.DAILY, count=5), "Every day, 5 times"),
        (Repeat(Frequency.DAILY, count=1), "Every day, once"),
        (Repeat(Frequency.WEEKLY, (3, 1), count=6), "Every week on Tue and Thu, 6 times"),
        (
            Repeat(Frequency.WEEKLY, (0, 2, 4), until=date(2027, 1, 29)),
            "Every week on Mon, Wed and Fri, until Fri 29 Jan 2027",
        ),
        (Repeat(Frequency.MONTHLY, (), 5, count=2), "Every month on day 5, 2 times"),
        (
            Repeat(Frequency.MONTHLY, (), 31, count=2),
            "Every month on day 31, or the last day of a shorter month, 2 times",
        ),
    ],
)
def test_its_words(rule: Repeat, words: str) -> None:
    assert rule.words == words


def test_a_calendar_writes_it_without_a_count_and_with_an_end_in_utc() -> None:
    assert Repeat(Frequency.DAILY, count=5).calendar_rule(UNTIL) == {"freq": "DAILY", "until": UNTIL}
    weekly = Repeat(Frequency.WEEKLY, (3, 1), count=6).calendar_rule(UNTIL)
    assert weekly == {"freq": "WEEKLY", "until": UNTIL, "byday": ["TU", "TH"]}
    fifth = Repeat(Frequency.MONTHLY, (), 5, count=6).calendar_rule(UNTIL)
    assert fifth == {"freq": "MONTHLY", "until": UNTIL, "bymonthday": [5]}


def test_a_calendar_takes_the_last_of_the_days_that_a_month_has() -> None:
    last = Repeat(Frequency.MONTHLY, (), 31, count=6).calendar_rule(UNTIL)
    assert last == {"freq": "MONTHLY", "until": UNTIL, "bymonthday": [28, 29, 30, 31], "bysetpos": -1}
