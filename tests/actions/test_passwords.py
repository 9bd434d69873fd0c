"""Passwords: asked anew by mail, set by a link that works once, changed by who knows the old one."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import func, select

from shared.actions import (
    PasswordOutcome,
    PasswordResult,
    ask_password_reset,
    change_password,
    log_in,
    set_password_by_link,
)
from shared.actions import sessions as login_module
from shared.db import db, reading
from shared.models import PasswordLink, User, UserSession
from shared.passwords import HOUSE, password_fault, password_matches
from shared.queries import password_page, viewer_of
from shared.states import MailKind, MailState, Role
from shared.tokens import LinkKind, VerifiedLink
from tests.actions.desk import snapshot
from tests.faults.racing import racers
from tests.world import ADMITTED, PASSWORD, World, hashed

NEW = "quiet river under stone"
DECISION = (Path(__file__).parents[2] / "docs" / "decisions" / "12-passwords.md").read_text()
SCHEDULER = "scheduler@demo.example"


def ask(world: World, email: str = SCHEDULER) -> None:
    with world.jobs.app_context():
        ask_password_reset(email, now=world.now)


def links(world: World, role: Role = Role.SCHEDULER) -> list[PasswordLink]:
    """The person's links, oldest first."""
    with world.jobs.app_context(), reading() as session:
        found = select(PasswordLink).where(PasswordLink.user_id == world.clinic.users[role.value])
        return list(session.scalars(found.order_by(PasswordLink.id)))


def newest(world: World, role: Role = Role.SCHEDULER) -> VerifiedLink:
    return VerifiedLink(LinkKind.PASSWORD, links(world, role)[-1].link_id)


def set_by(world: World, link: VerifiedLink, password: str = NEW) -> PasswordOutcome:
    with world.jobs.app_context():
        return set_password_by_link(link, password, now=world.now).outcome


def enter(world: World, password: str, *, email: str = SCHEDULER) -> str:
    """Log in; the token, or nothing if it failed."""
    with world.jobs.app_context():
        opened = log_in(email=email, password=password, admission=ADMITTED, replaces=None, now=world.now)
    return opened.token if opened else ""


def is_in(world: World, token: str) -> bool:
    with world.jobs.app_context():
        long = timedelta(days=9)
        return viewer_of(token, idle=long, absolute=long, now=world.now) is not None


def change(world: World, old: str, new: str, *, keep: str) -> PasswordResult:
    with world.jobs.app_context():
        return change_password(world.clinic.scope(), old=old, new=new, keep=keep, admission=ADMITTED, now=world.now)


def stored(world: World, user_id: int) -> str:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(User, user_id).password_hash or ""


def test_a_link_sets_the_password_once_and_logs_its_owner_out_everywhere(world_on_either: World) -> None:
    world = world_on_either
    phone, office = enter(world, PASSWORD), enter(world, PASSWORD)
    bystander = enter(world, PASSWORD, email="staff@demo.example")
    ask(world)
    link = newest(world)

    assert set_by(world, link) is PasswordOutcome.SET

    assert not is_in(world, phone)
    assert not is_in(world, office)
    assert is_in(world, bystander)
    assert enter(world, NEW)
    assert not enter(world, PASSWORD)
    assert set_by(world, link, "another river under stone") is PasswordOutcome.LINK_DEAD
    assert enter(world, NEW)


@pytest.mark.parametrize(("invited", "holds"), [(False, timedelta(hours=1)), (True, timedelta(hours=72))])
def test_a_link_works_until_its_instant_and_not_at_it(world: World, invited: bool, holds: timedelta) -> None:
    if invited:
        world.change(User, world.clinic.users["scheduler"], password_hash=None)
    ask(world)
    link = newest(world)
    assert links(world)[-1].expires_at == world.now + holds

    world.now += holds
    assert set_by(world, link) is PasswordOutcome.LINK_DEAD
    world.now -= timedelta(microseconds=1)
    assert set_by(world, link) is PasswordOutcome.SET


def test_an_instant_between_two_minutes_is_rounded_up_to_what_the_mail_prints(world: World) -> None:
    world.pass_time(seconds=7)
    ask(world)

    assert links(world)[-1].expires_at == world.now + timedelta(minutes=60, seconds=53)


def test_asking_again_makes_the_older_link_useless(world_on_either: World) -> None:
    world = world_on_either
    ask(world)
    older = newest(world)
    world.pass_time(minutes=1)
    ask(world)

    assert set_by(world, older) is PasswordOutcome.LINK_DEAD
    assert set_by(world, newest(world)) is PasswordOutcome.SET


def test_a_mail_whose_link_was_replaced_before_it_left_is_dropped(world: World) -> None:
    ask(world)
    world.pass_time(minutes=1)
    ask(world)
    world.tick()

    assert [mail.state for mail in world.outbox(MailKind.PASSWORD_RESET)] == [MailState.DROPPED, MailState.SENT]
    assert world.subjects(to=SCHEDULER) == ["Choose a new password · Riverside Clinic"]


def test_a_mail_whose_link_grew_too_old_before_it_left_is_dropped(world: World) -> None:
    ask(world)
    world.pass_time(hours=1)
    world.tick()

    assert [mail.state for mail in world.outbox()] == [MailState.DROPPED]


def test_three_mails_within_an_hour_are_enough_and_the_third_link_stays_good(world_on_either: World) -> None:
    world = world_on_either
    for _ in range(8):
        ask(world)
        world.pass_time(minutes=5)

    assert len(world.outbox(MailKind.PASSWORD_RESET)) == 3
    assert set_by(world, newest(world)) is PasswordOutcome.SET
    world.pass_time(minutes=25)
    ask(world)
    assert len(world.outbox(MailKind.PASSWORD_RESET)) == 4


@pytest.mark.parametrize("email", ["nobody@demo.example", "", "' or 1=1 --", "left@demo.example", "x" * 5000])
def test_an_unknown_address_and_one_of_somebody_deactivated_get_no_mail_and_leave_no_trace(
    world_on_either: World, email: str
) -> None:
    world = world_on_either
    world.add_user(Role.SCHEDULER, "Left", active=False)
    before = snapshot(world)

    ask(world, email)

    assert snapshot(world) == before


def test_the_address_may_be_written_in_capitals_and_with_blanks(world: World) -> None:
    ask(world, "  Scheduler@DEMO.example ")

    assert [mail.recipient for mail in world.outbox()] == [SCHEDULER]


def test_who_was_invited_and_forgot_it_gets_the_invitation_anew(world: World) -> None:
    world.change(User, world.clinic.users["scheduler"], password_hash=None)
    ask(world)

    assert [mail.kind for mail in world.outbox()] == [MailKind.USER_INVITE]


def test_a_link_of_somebody_deactivated_since_is_dead(world_on_either: World) -> None:
    world = world_on_either
    ask(world)
    world.change(User, world.clinic.users["scheduler"], active=False)

    assert set_by(world, newest(world)) is PasswordOutcome.LINK_DEAD
    with world.jobs.app_context():
        assert password_page(newest(world), now=world.now) is None


def test_a_link_that_never_was_is_dead(world: World) -> None:
    before = snapshot(world)

    assert set_by(world, VerifiedLink(LinkKind.PASSWORD, "abcdefghijklmnop")) is PasswordOutcome.LINK_DEAD
    assert snapshot(world) == before


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password1234",
        "Riverside Clinic 1",
        "scheduler@demo.example",
        "interpreter dispatch",
        "Telehealth.Interpreters24",
        "aaaaaaaaaaaa",
        "x" * 201,
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays_good(world: World, password: str) -> None:
    ask(world)
    before = snapshot(world)

    with world.jobs.app_context():
        result = set_password_by_link(newest(world), password, now=world.now)
    assert result.outcome is PasswordOutcome.REFUSED
    assert result.fault
    assert snapshot(world) == before
    assert set_by(world, newest(world)) is PasswordOutcome.SET


def test_words_of_the_house_may_stand_in_a_password_and_are_written_down() -> None:
    assert password_fault("interpreter dispatch", about=(), leaked=None).startswith("This is too close to")
    assert not password_fault("interpreter dispatch under stone", about=(), leaked=None)

    listed = re.findall(r"[a-z]+", DECISION.partition("HOUSE`): ")[2].partition(". ")[0])
    assert listed == list(HOUSE)


def test_changing_a_password_ends_all_other_logins_and_open_links(world_on_either: World) -> None:
    world = world_on_either
    here, there = enter(world, PASSWORD), enter(world, PASSWORD)
    bystander = enter(world, PASSWORD, email="staff@demo.example")
    ask(world)

    changed = change(world, PASSWORD, NEW, keep=here)

    assert changed.outcome is PasswordOutcome.SET
    assert is_in(world, changed.token)
    assert not is_in(world, here)
    assert not is_in(world, there)
    assert is_in(world, bystander)
    assert set_by(world, newest(world)) is PasswordOutcome.LINK_DEAD
    assert enter(world, NEW)
    assert not enter(world, PASSWORD)


def test_who_does_not_know_the_old_password_changes_nothing_and_leaves_a_line_in_the_trail(world: World) -> None:
    here, there = enter(world, PASSWORD), enter(world, PASSWORD)

    assert change(world, "a guess at it", NEW, keep=here).outcome is PasswordOutcome.NOT_THE_OLD_ONE

    assert is_in(world, there)
    assert enter(world, PASSWORD)
    assert [entry.what for entry in world.trail()].count("login_failed") == 1


def test_what_a_password_may_not_be_is_not_told_to_who_does_not_know_the_old_one(world: World) -> None:
    assert change(world, "a guess at it", "short", keep="x").outcome is PasswordOutcome.NOT_THE_OLD_ONE
    assert change(world, PASSWORD, "short", keep="x").outcome is PasswordOutcome.REFUSED


def test_the_same_password_again_is_refused_and_ends_no_login(world: World) -> None:
    there = enter(world, PASSWORD)

    result = change(world, PASSWORD, PASSWORD, keep="x")

    assert (result.outcome, result.fault) == (
        PasswordOutcome.REFUSED, "This is your password already. Choose another one.",
    )  # fmt: skip
    assert is_in(world, there)


def test_the_trail_tells_that_and_by_whom_and_never_a_password(world: World) -> None:
    ask(world)
    set_by(world, newest(world))
    change(world, NEW, PASSWORD + " twice", keep="x")

    user = world.clinic.users["scheduler"]
    assert [(entry.what, entry.actor_user_id, entry.about_kind, entry.about_id) for entry in world.trail()] == [
        ("password_asked", None, "user", user),
        ("password_set", user, "user", user),
        ("password_set", user, "user", user),
    ]
    whole = str(snapshot(world))
    assert NEW not in whole
    assert PASSWORD not in whole


def test_two_presses_of_one_link_at_once_set_one_password(world_on_either: World) -> None:
    world = world_on_either
    ask(world)
    link = newest(world)
    passwords = [f"quiet river under stone {number}" for number in range(4)]

    def press(password: str) -> Callable[[], PasswordOutcome]:
        return lambda: set_password_by_link(link, password, now=world.now).outcome

    with racers(world, 4) as group:
        outcomes = group.race([press(password) for password in passwords])

    assert sorted(outcomes) == sorted([PasswordOutcome.SET] + [PasswordOutcome.LINK_DEAD] * 3)
    assert [bool(enter(world, password)) for password in passwords] == [
        outcome is PasswordOutcome.SET for outcome in outcomes
    ]


def test_of_several_who_change_one_password_at_once_one_does(world_on_either: World) -> None:
    world, old = world_on_either, PASSWORD
    scope = world.clinic.scope()
    for turn in range(2):
        wanted = [f"quiet river under stone {turn} {number}" for number in range(4)]
        deeds = [
            partial(change_password, scope, old=old, new=new, keep="x", admission=ADMITTED, now=world.now)
            for new in wanted
        ]
        with racers(world, 4) as group:
            outcomes = [result.outcome for result in group.race(deeds)]

        assert outcomes.count(PasswordOutcome.SET) == 1
        assert outcomes.count(PasswordOutcome.NOT_THE_OLD_ONE) == 3
        old = wanted[outcomes.index(PasswordOutcome.SET)]
        assert enter(world, old)


def test_many_who_ask_at_once_for_one_person_cause_three_mails_and_leave_one_good_link(
    world_on_either: World,
) -> None:
    world = world_on_either
    with racers(world, 6) as group:
        group.race([lambda: ask_password_reset(SCHEDULER, now=world.now)] * 6)

    assert len(world.outbox(MailKind.PASSWORD_RESET)) == 3
    assert sum(link.expires_at > world.now for link in links(world)) == 1


def test_a_login_that_began_before_the_password_was_set_does_not_outlive_it(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    ask(world)

    def slowly(password_hash: str | None, password: str) -> bool:
        matches = password_matches(password_hash, password)
        set_by(world, newest(world))  # while the old password is still being checked
        return matches

    monkeypatch.setattr(login_module, "password_matches", slowly)

    assert not enter(world, PASSWORD)
    with world.jobs.app_context(), reading() as session:
        assert session.scalars(select(func.count()).select_from(UserSession)).one() == 0


def test_a_good_login_renews_a_hash_of_another_cost_and_no_other_one(world_on_either: World) -> None:
    world, user = world_on_either, world_on_either.clinic.users["scheduler"]
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    world.change(User, user, password_hash=old)

    assert not enter(world, "a guess at it")
    assert stored(world, user) == old
    here = enter(world, PASSWORD)
    new = stored(world, user)
    assert extract_parameters(new) == extract_parameters(hashed(PASSWORD)) != extract_parameters(old)
    assert is_in(world, here)
    assert enter(world, PASSWORD)
    assert stored(world, user) == new


def test_a_login_holds_no_connection_while_it_waits_and_hashes(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def watched(password_hash: str | None, password: str) -> bool:
        held.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return password_matches(password_hash, password)

    monkeypatch.setattr(login_module, "password_matches", watched)

    assert enter(world_on_either, PASSWORD)
    assert not enter(world_on_either, PASSWORD, email="nobody@demo.example")
    assert held == [0, 0]
