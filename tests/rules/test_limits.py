"""How often something may be tried: buckets that tries fill and time drains, and who shares one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import (
    KNOWN_BROWSER,
    LINKS_FOR_NETWORK,
    NETWORK,
    PERSON_AT_NETWORK,
    PERSON_UNDER_ATTACK,
    Limit,
    bucket_level,
    network_of,
    next_try,
)

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
FIVE = Limit(cost=timedelta(minutes=3), room=timedelta(minutes=15))


def tries_at_once(limit: Limit, *, empty_at: datetime = NOW) -> int:
    """How many tries go through at one instant."""
    count = 0
    while next_try(empty_at, limit, now=NOW) == NOW:
        empty_at = bucket_level(empty_at, limit, now=NOW) + limit.cost
        count += 1
    return count


@pytest.mark.parametrize(
    ("limit", "at_once", "an_hour"),
    [
        (PERSON_AT_NETWORK, 5, 20),
        (PERSON_UNDER_ATTACK, 1, 4),
        (KNOWN_BROWSER, 10, 20),
        (NETWORK, 60, 120),
        (LINKS_FOR_NETWORK, 20, 10),
    ],
)
def test_each_limit_lets_through_what_it_says(limit: Limit, at_once: int, an_hour: int) -> None:
    assert tries_at_once(limit) == at_once
    assert timedelta(hours=1) / limit.cost == an_hour


def test_a_full_bucket_takes_the_next_try_when_one_has_drained_and_not_a_moment_before() -> None:
    full = NOW + FIVE.room
    again = NOW + FIVE.cost

    assert next_try(full, FIVE, now=NOW) == again
    assert next_try(full, FIVE, now=again - timedelta(microseconds=1)) == again
    assert next_try(full, FIVE, now=again) == again


def test_a_bucket_that_has_drained_is_as_good_as_new() -> None:
    assert tries_at_once(FIVE, empty_at=NOW - timedelta(days=9)) == tries_at_once(FIVE) == 5


def test_during_an_attack_a_network_that_tried_nothing_still_has_one_try() -> None:
    assert next_try(NOW, PERSON_UNDER_ATTACK, now=NOW) == NOW
    assert next_try(NOW + PERSON_AT_NETWORK.cost, PERSON_UNDER_ATTACK, now=NOW) == NOW + PERSON_AT_NETWORK.cost


@pytest.mark.parametrize(("ahead", "waits"), [(15, 3), (29, 3), (30, 3), (31, 0), (600, 0)])
def test_what_a_clock_wrote_that_ran_far_ahead_counts_for_nothing(ahead: int, waits: int) -> None:
    written = NOW + timedelta(minutes=ahead)

    assert next_try(written, FIVE, now=NOW) == NOW + timedelta(minutes=waits)


@given(ahead=st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_whatever_the_clock_did_nobody_waits_longer_than_for_one_try_to_drain(ahead: timedelta) -> None:
    for limit in (PERSON_AT_NETWORK, PERSON_UNDER_ATTACK, KNOWN_BROWSER, NETWORK):
        assert NOW <= next_try(NOW + ahead, limit, now=NOW) <= NOW + limit.cost


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:12ab::1", "2001:db8:0:1200::/56"),
        ("2001:db8:0:12ff:ffff::9", "2001:db8:0:1200::/56"),
        ("2001:db8:0:1300::1", "2001:db8:0:1300::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", ""),
        (None, ""),
        ("unix:", ""),
        ("203.0.113.7, 198.51.100.1", ""),
    ],
)
def test_an_ipv6_household_shares_a_limit_and_an_ipv4_address_has_its_own(address: str | None, network: str) -> None:
    assert network_of(address) == network
