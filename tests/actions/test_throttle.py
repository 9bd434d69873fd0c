"""How often a password may be tried: by whom, from where, and that no stranger keeps anybody out."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from shared.actions import (
    Admission,
    HalfLogin,
    KnownBrowser,
    Login,
    PasswordOutcome,
    Slowed,
    Visitor,
    admit_link_request,
    admit_login,
    admit_password,
    change_password,
    log_in,
)
from shared.audit import AuditEvent
from shared.db import db, reading
from shared.models import Throttle, User
from shared.rules import PERSON
from shared.states import Role
from shared.tokens import Tokens
from tests.actions.desk import tokens_of
from tests.world import PASSWORD, World, hashed

SCHEDULER, NOBODY = "scheduler@demo.example", "nobody@demo.example"
HOME = Visitor("198.51.100.7")
EVIL = Visitor("203.0.113.66")


@pytest.fixture(autouse=True)
def _quick_hash_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared where nobody has the address is as quick as the hashes of the world's people."""
    monkeypatch.setattr("shared.passwords._NOBODY", hashed("nobody has this password"))


def stranger(number: int) -> Visitor:
    """One of many machines of an attacker, each in a network of its own."""
    return Visitor(f"203.0.{number // 250}.{number % 250 + 1}")


def enter(
    world: World, password: str, *, email: str = SCHEDULER, visitor: Visitor = HOME, tokens: Tokens | None = None
) -> Login | Slowed | None:
    """Try to log in, as the login page does."""
    with world.jobs.app_context():
        admission = admit_login(tokens or tokens_of(world), visitor, email=email, now=world.now)
        if isinstance(admission, Slowed):
            return admission
        opened = log_in(email=email, password=password, admission=admission, replaces=None, now=world.now)
    assert not isinstance(opened, HalfLogin), "nobody here has a second factor"
    return opened


def wait_of(world: World, outcome: object) -> timedelta:
    assert isinstance(outcome, Slowed), outcome
    return outcome.until - world.now


def tries_until_slowed(world: World, *, email: str = SCHEDULER, visitor: Visitor = EVIL) -> int:
    """Wrong passwords that are checked before one is not."""
    for count in range(100):
        if isinstance(enter(world, "wrong", email=email, visitor=visitor), Slowed):
            return count
    raise AssertionError("never slowed")


def guess_from_everywhere(world: World, *, email: str = SCHEDULER) -> None:
    """As many wrong passwords from as many networks as it takes to be called an attack."""
    for number in range(int(PERSON.room / PERSON.cost)):
        assert enter(world, "wrong", email=email, visitor=stranger(number)) is None


def buckets(world: World) -> list[Throttle]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(Throttle).order_by(Throttle.key)))


def trail_of(world: World, what: AuditEvent) -> list[int | None]:
    """Whom the lines of a kind are about."""
    return [entry.about_id for entry in world.trail() if entry.what == what]


def test_five_wrong_passwords_go_at_once_and_then_one_each_three_minutes(world_on_either: World) -> None:
    world = world_on_either
    assert tries_until_slowed(world) == 5
    assert wait_of(world, enter(world, PASSWORD, visitor=EVIL)) == timedelta(minutes=3)

    world.pass_time(minutes=3, microseconds=-1)
    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Slowed)
    world.pass_time(microseconds=1)
    assert enter(world, "wrong", visitor=EVIL) is None
    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Slowed)
    world.pass_time(minutes=3)
    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Login)


def test_after_a_quarter_of_an_hour_all_is_as_before(world: World) -> None:
    tries_until_slowed(world)
    world.pass_time(minutes=15)

    assert tries_until_slowed(world) == 5


def test_who_guesses_from_one_place_slows_nobody_elsewhere(world_on_either: World) -> None:
    world = world_on_either
    tries_until_slowed(world)

    assert isinstance(enter(world, PASSWORD), Login)
    assert isinstance(enter(world, PASSWORD, email="admin@demo.example", visitor=EVIL), Login)


def test_right_passwords_cost_nothing(world_on_either: World) -> None:
    world = world_on_either
    for _ in range(70):
        assert isinstance(enter(world, PASSWORD), Login)

    assert tries_until_slowed(world, visitor=HOME) == 5


def test_capitals_and_blanks_make_no_other_account(world: World) -> None:
    spellings = [SCHEDULER, "SCHEDULER@demo.example", f" {SCHEDULER}", f"{SCHEDULER}\n", "Scheduler@Demo.Example"]
    for email in spellings:
        assert enter(world, "wrong", email=email, visitor=EVIL) is None

    assert all(isinstance(enter(world, PASSWORD, email=email, visitor=EVIL), Slowed) for email in spellings)


def test_a_network_that_tries_many_accounts_is_slowed_as_a_whole_and_others_are_not(world_on_either: World) -> None:
    world = world_on_either
    for number in range(60):
        assert enter(world, "wrong", email=f"person{number}@demo.example", visitor=EVIL) is None

    assert wait_of(world, enter(world, PASSWORD, visitor=EVIL)) == timedelta(seconds=30)
    assert isinstance(enter(world, PASSWORD), Login)


def test_whoever_has_a_whole_ipv6_household_has_one_network(world: World) -> None:
    for number in range(5):
        assert enter(world, "wrong", visitor=Visitor(f"2001:db8:0:12{number:02x}::{number}")) is None

    assert isinstance(enter(world, PASSWORD, visitor=Visitor("2001:db8:0:12ff::1")), Slowed)
    assert isinstance(enter(world, PASSWORD, visitor=Visitor("2001:db8:0:1300::1")), Login)


def test_a_thousand_machines_that_guess_keep_nobody_out(world_on_either: World) -> None:
    world = world_on_either
    guess_from_everywhere(world)

    # Each further machine has one try, and so has everybody else at a network of their own.
    assert enter(world, "wrong", visitor=stranger(500)) is None
    assert wait_of(world, enter(world, PASSWORD, visitor=stranger(500))) == timedelta(minutes=15)
    assert isinstance(enter(world, PASSWORD), Login)
    assert isinstance(enter(world, PASSWORD, visitor=Visitor("198.51.100.8")), Login)


def test_the_attack_is_over_when_it_was_quiet_for_a_while(world: World) -> None:
    guess_from_everywhere(world)
    world.pass_time(minutes=16)

    assert tries_until_slowed(world, visitor=stranger(700)) == 5


def test_a_known_browser_is_slowed_by_nobody_but_itself(world_on_either: World) -> None:
    world = world_on_either
    login = enter(world, PASSWORD)
    assert isinstance(login, Login)
    known = Visitor(EVIL.address, (login.known,))
    guess_from_everywhere(world)
    assert tries_until_slowed(world, visitor=EVIL) == 1

    assert isinstance(enter(world, PASSWORD, visitor=known), Login)
    assert tries_until_slowed(world, visitor=known) == 10
    assert wait_of(world, enter(world, PASSWORD, visitor=known)) == timedelta(minutes=3)
    assert isinstance(enter(world, PASSWORD), Login)


def test_a_browser_stays_the_same_from_login_to_login(world: World) -> None:
    first = enter(world, PASSWORD)
    assert isinstance(first, Login)
    again = enter(world, PASSWORD, visitor=Visitor(HOME.address, (first.known,)))
    assert isinstance(again, Login)

    assert again.known == first.known


def test_a_browser_is_known_as_one_person_alone_and_until_the_password_changes(world: World) -> None:
    login = enter(world, PASSWORD)
    assert isinstance(login, Login)
    known = Visitor(EVIL.address, (login.known,))
    assert tries_until_slowed(world, email="admin@demo.example", visitor=known) == 5

    world.change(User, world.clinic.users["scheduler"], password_hash=hashed("another river under stone"))
    assert tries_until_slowed(world, visitor=known) == 5


def test_a_made_up_browser_of_somebody_deactivated_is_known_as_nobody(world: World) -> None:
    left = world.add_user(Role.STAFF, "Left", active=False)
    visitor = Visitor(EVIL.address, (KnownBrowser(left, "nonce", "mark"),))

    assert tries_until_slowed(world, email="left@demo.example", visitor=visitor) == 5


@pytest.mark.parametrize("email", [SCHEDULER, NOBODY, "left@demo.example"])
def test_known_and_unknown_accounts_are_slowed_alike(world_on_either: World, email: str) -> None:
    world = world_on_either
    world.add_user(Role.STAFF, "Left", active=False)

    assert tries_until_slowed(world, email=email) == 5
    assert wait_of(world, enter(world, PASSWORD, email=email, visitor=EVIL)) == timedelta(minutes=3)
    guess_from_everywhere(world, email=email)
    assert wait_of(world, enter(world, "wrong", email=email, visitor=EVIL)) == timedelta(minutes=15)
    assert len(buckets(world)) == 124  # 61 networks, the person at each, the person, the spell


def written(world: World, email: str) -> Counter[str]:
    """What a wrong password makes the database do: statements by their first word, and commits."""
    seen: list[str] = []

    def note_statement(*told: Any) -> None:
        seen.append(told[2].split()[0])

    def note_commit(_connection: Any) -> None:
        seen.append("COMMIT")

    with world.jobs.app_context():
        event.listen(db.engine, "before_cursor_execute", note_statement)
        event.listen(db.engine, "commit", note_commit)
        enter(world, "wrong", email=email, visitor=EVIL)
        event.remove(db.engine, "before_cursor_execute", note_statement)
        event.remove(db.engine, "commit", note_commit)
    return Counter(seen)


def test_a_known_account_costs_a_look_and_a_line_more_within_the_same_commits(world_on_either: World) -> None:
    known, unknown = written(world_on_either, SCHEDULER), written(world_on_either, NOBODY)

    assert known["COMMIT"] == unknown["COMMIT"] == 2
    assert known - unknown == {"SELECT": 1, "INSERT": 1}
    assert unknown - known == {}


def test_a_spell_of_refusals_is_one_line_of_the_trail(world_on_either: World) -> None:
    world, scheduler = world_on_either, world_on_either.clinic.users["scheduler"]
    for _ in range(12):
        tries_until_slowed(world)
        tries_until_slowed(world, visitor=stranger(9))
        world.pass_time(minutes=20)
    assert trail_of(world, AuditEvent.LOGIN_SLOWED) == [scheduler]

    world.pass_time(hours=1)
    tries_until_slowed(world)
    assert trail_of(world, AuditEvent.LOGIN_SLOWED) == [scheduler, scheduler]


def test_nobodys_address_leaves_nothing_in_the_trail(world: World) -> None:
    tries_until_slowed(world, email=NOBODY)

    assert world.trail() == []


def test_a_refused_try_is_not_checked_and_leaves_no_failure_in_the_trail(world: World) -> None:
    tries_until_slowed(world)

    assert len(trail_of(world, AuditEvent.LOGIN_FAILED)) == 5


def test_a_flood_that_is_refused_writes_nothing(world_on_either: World) -> None:
    world = world_on_either
    tries_until_slowed(world)
    before = [(bucket.key, bucket.empty_at) for bucket in buckets(world)]
    lines = len(world.trail())

    for _ in range(20):
        world.pass_time(seconds=1)
        assert isinstance(enter(world, PASSWORD, visitor=EVIL), Slowed)

    assert [(bucket.key, bucket.empty_at) for bucket in buckets(world)] == before
    assert len(world.trail()) == lines


def test_the_table_names_nobody_without_the_key(world: World) -> None:
    tries_until_slowed(world)
    kept = {bucket.key for bucket in buckets(world)}
    assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in kept)

    stranger_key = Tokens(("another-key-for-tests-that-is-long-enough",))
    enter(world, "wrong", visitor=EVIL, tokens=stranger_key)
    assert kept.isdisjoint({bucket.key for bucket in buckets(world)} - kept)
    assert len(buckets(world)) == len(kept) + 3


def test_what_is_empty_is_removed_in_passing(world_on_either: World) -> None:
    world = world_on_either
    guess_from_everywhere(world)
    assert len(buckets(world)) > 100
    world.pass_time(hours=2)

    assert isinstance(enter(world, PASSWORD), Login)

    left = buckets(world)
    assert len(left) == 2
    assert all(bucket.empty_at <= world.now for bucket in left)  # its own, given back


@pytest.mark.parametrize("hours", [3, 24 * 40])
def test_a_clock_that_ran_ahead_keeps_nobody_out_once_it_is_right(world_on_either: World, hours: int) -> None:
    world = world_on_either
    world.pass_time(hours=hours)
    tries_until_slowed(world)
    world.pass_time(hours=-hours)

    assert tries_until_slowed(world) == 5
    world.pass_time(minutes=3)
    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Login)


def test_a_clock_that_ran_a_little_ahead_keeps_nobody_out_for_longer_than_that(world: World) -> None:
    world.pass_time(minutes=10)
    tries_until_slowed(world)
    world.pass_time(minutes=-10)

    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Slowed)
    world.pass_time(minutes=13)
    assert isinstance(enter(world, PASSWORD, visitor=EVIL), Login)


def test_who_asks_for_many_links_is_slowed_whoever_they_are_for(world_on_either: World) -> None:
    world = world_on_either

    def ask(visitor: Visitor) -> Admission | Slowed:
        with world.jobs.app_context():
            return admit_link_request(tokens_of(world), visitor, now=world.now)

    assert [isinstance(ask(EVIL), Admission) for _ in range(21)] == [True] * 20 + [False]
    assert wait_of(world, ask(EVIL)) == timedelta(minutes=6)
    assert isinstance(ask(HOME), Admission)
    world.pass_time(minutes=6)
    assert isinstance(ask(EVIL), Admission)


def change(world: World, old: str, *, login: str, new: str = "quiet river under stone") -> PasswordOutcome | Slowed:
    """Change the scheduler's password, as the account page does."""
    scope = world.clinic.scope()
    with world.jobs.app_context():
        admission = admit_password(tokens_of(world), scope, login=login, now=world.now)
        if isinstance(admission, Slowed):
            return admission
        return change_password(scope, old=old, new=new, keep=login, admission=admission, now=world.now).outcome


def test_the_current_password_is_not_guessed_at_an_open_browser_either(world_on_either: World) -> None:
    world = world_on_either
    for _ in range(5):
        assert change(world, "wrong", login="theirs") is PasswordOutcome.NOT_THE_OLD_ONE
    assert wait_of(world, change(world, PASSWORD, login="theirs")) == timedelta(minutes=3)
    assert trail_of(world, AuditEvent.LOGIN_SLOWED) == [world.clinic.users["scheduler"]]

    assert change(world, PASSWORD, login="mine") is PasswordOutcome.SET


def weak(world: World) -> object:
    return change(world, PASSWORD, login="mine", new="short")


def good(world: World) -> object:
    outcome = change(world, PASSWORD, login="mine")
    world.change(User, world.clinic.users["scheduler"], password_hash=hashed(PASSWORD))
    return outcome


@pytest.mark.parametrize(
    ("deed", "outcome"), [(weak, PasswordOutcome.REFUSED), (good, PasswordOutcome.SET)], ids=["weak", "good"]
)
def test_who_knows_the_current_password_is_never_slowed(
    world: World, deed: Callable[[World], object], outcome: PasswordOutcome
) -> None:
    assert [deed(world) for _ in range(7)] == [outcome] * 7
