"""The second factor at the login: no session before its code, each code once, few guesses, ways in for its owner."""

from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from shared.actions import (
    CodeOutcome,
    HalfLogin,
    Login,
    change_password,
    log_in,
    log_in_with_code,
    log_in_with_recovery_code,
    renew_recovery_codes,
    reset_factor,
)
from shared.actions import factors as factor_module
from shared.errors import DomainError
from shared.factors import NewFactor, new_factor, new_recovery_codes
from shared.models import PasswordProof, RecoveryCode, SecondFactor, User, UserSession
from shared.states import ProofKind, Role
from tests.actions.desk import snapshot, tokens_of
from tests.actions.half_way import (
    Owner,
    begin,
    by_paper,
    enter,
    events,
    finish,
    give_factor,
    half,
    is_in,
    rows,
    sending,
    session_of,
)
from tests.faults.racing import racers
from tests.phone import Phone
from tests.world import ADMITTED, PASSWORD, World

# ---- the login


def test_the_password_alone_opens_no_session_and_the_code_does(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)

    opened = half(world)
    assert opened.kind is ProofKind.CODE
    assert rows(world, UserSession) == []
    assert not is_in(world, opened.token)
    result = enter(world, opened.token, owner.phone.code(world.now))

    assert result.outcome is CodeOutcome.PASSED
    assert result.login is not None
    assert is_in(world, result.login.token)
    assert events(world)[-1] == "logged_in"


def test_a_wrong_password_gets_no_step(world: World) -> None:
    give_factor(world)

    with world.jobs.app_context():
        assert (
            log_in(email="scheduler@demo.example", password="wrong", admission=ADMITTED, replaces=None, now=world.now)
            is None
        )
    assert [proof.kind for proof in rows(world, PasswordProof)] == [ProofKind.SET_UP]


def test_the_login_that_the_browser_held_ends_with_the_code_and_not_before(world: World) -> None:
    held = session_of(world, Role.STAFF)
    owner = give_factor(world)
    with world.jobs.app_context():
        opened = log_in(
            email="scheduler@demo.example", password=PASSWORD, admission=ADMITTED, replaces=held, now=world.now
        )
        assert isinstance(opened, HalfLogin)
        assert is_in(world, held)
        code = owner.phone.code(world.now)
        log_in_with_code(opened.token, code, tokens=tokens_of(world), replaces=held, now=world.now)

    assert not is_in(world, held)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_works_once_in_whichever_browser(world_on_either: World, steps: int) -> None:
    world = world_on_either
    owner = give_factor(world)
    world.pass_time(seconds=60)
    code = owner.phone.code(world.now, steps=steps)

    assert enter(world, half(world).token, code).outcome is CodeOutcome.PASSED
    assert enter(world, half(world).token, code).outcome is CodeOutcome.WRONG


def test_the_code_that_set_it_up_is_used(world: World) -> None:
    new = new_factor()
    token = begin(world, ProofKind.SET_UP)
    assert token is not None
    code = Phone(new.secret).code(world.now)
    assert finish(world, token, new, code) is CodeOutcome.PASSED

    assert enter(world, half(world).token, code).outcome is CodeOutcome.WRONG
    world.pass_time(seconds=30)
    assert enter(world, half(world).token, Phone(new.secret).code(world.now)).outcome is CodeOutcome.PASSED


def test_a_step_opens_one_session(world: World) -> None:
    owner = give_factor(world)
    step = half(world).token
    assert enter(world, step, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED
    world.pass_time(seconds=30)

    assert enter(world, step, owner.phone.code(world.now)).outcome is CodeOutcome.OVER


@pytest.mark.parametrize(("minutes", "outcome"), [(9.99, CodeOutcome.PASSED), (10, CodeOutcome.OVER)])
def test_a_step_holds_for_ten_minutes(world: World, minutes: float, outcome: CodeOutcome) -> None:
    owner = give_factor(world)
    step = half(world).token
    world.pass_time(minutes=minutes)

    assert enter(world, step, owner.phone.code(world.now)).outcome is outcome


def test_a_step_ends_with_the_password_the_account_or_the_factor_behind_it(world_on_either: World) -> None:
    world, user = world_on_either, world_on_either.clinic.users["scheduler"]
    owner = give_factor(world)
    steps = [half(world).token for _ in range(3)]

    world.change(User, user, active=False)
    assert enter(world, steps[0], owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    world.change(User, user, active=True)
    with world.jobs.app_context():
        change_password(
            world.clinic.scope(),
            old=PASSWORD,
            new="quiet river under stone",
            keep="x",
            admission=ADMITTED,
            now=world.now,
        )
    assert enter(world, steps[1], owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    newer = half(world, password="quiet river under stone").token
    with world.jobs.app_context():
        reset_factor(world.clinic.scope(Role.ADMIN), user, now=world.now)
    assert enter(world, newer, owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    assert "logged_in" not in events(world)


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 5000])
def test_a_step_that_never_was_leads_nowhere_and_leaves_no_trace(world: World, token: str) -> None:
    owner = give_factor(world)
    before = snapshot(world)

    assert enter(world, token, owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    assert by_paper(world, token, owner.codes[0]) is CodeOutcome.OVER
    assert snapshot(world) == before


def test_a_step_of_one_kind_does_not_pass_for_another(world: World) -> None:
    owner = give_factor(world)
    set_up, recovery, code = begin(world, ProofKind.SET_UP), begin(world, ProofKind.RECOVERY), half(world).token
    assert set_up is not None
    assert recovery is not None

    for step in (set_up, recovery):
        assert enter(world, step, owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    new = new_factor()
    for step in (code, recovery):
        assert finish(world, step, new, Phone(new.secret).code(world.now)) is CodeOutcome.OVER
    for step in (code, set_up):
        with world.jobs.app_context():
            hashes = ("0" * 64,)
            assert renew_recovery_codes(world.clinic.scope(), step, hashes, now=world.now) is CodeOutcome.OVER


# ---- guessing


def test_five_wrong_codes_ask_for_the_password_again(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    step, wrong = half(world).token, owner.phone.wrong(world.now)

    outcomes = [enter(world, step, wrong).outcome for _ in range(5)]

    assert outcomes == [CodeOutcome.WRONG] * 4 + [CodeOutcome.OVER]
    assert enter(world, step, owner.phone.code(world.now)).outcome is CodeOutcome.OVER
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED
    assert events(world).count("code_refused") == 5


def guess(world: World, owner: Owner, times: int) -> list[CodeOutcome]:
    """Wrong codes, with the password given anew whenever it is asked for."""
    step, outcomes = half(world).token, []
    for _ in range(times):
        outcomes.append(enter(world, step, owner.phone.wrong(world.now)).outcome)
        if outcomes[-1] is CodeOutcome.OVER:
            step = half(world).token
    return outcomes


def test_ten_wrong_codes_in_all_browsers_are_enough_for_a_quarter_of_an_hour(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    guess(world, owner, 10)

    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.TOO_MANY
    assert events(world).count("code_refused") == 10
    world.pass_time(minutes=14, seconds=59)
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.TOO_MANY
    world.pass_time(seconds=1)
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_codes_that_are_not_looked_at_don_t_make_the_wait_longer(world: World) -> None:
    owner = give_factor(world)
    guess(world, owner, 10)
    for _ in range(20):
        assert guess(world, owner, 1) == [CodeOutcome.TOO_MANY]
        world.pass_time(seconds=30)

    world.pass_time(minutes=5)
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_wrong_codes_from_before_the_clock_was_set_back_keep_nobody_out(world: World) -> None:
    owner = give_factor(world)
    guess(world, owner, 10)
    world.pass_time(hours=-3)

    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_a_guesser_keeps_out_nobody_else_nor_the_owner_who_has_the_paper(world: World) -> None:
    owner, other = give_factor(world), give_factor(world, Role.STAFF)
    guess(world, owner, 10)

    assert by_paper(world, half(world).token, owner.codes[0]) is CodeOutcome.PASSED
    assert enter(world, half(world, Role.STAFF).token, other.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_a_new_password_shuts_the_guesser_out_and_lets_the_owner_in_at_once(world: World) -> None:
    owner, new = give_factor(world), "quiet river under stone"
    guess(world, owner, 10)
    with world.jobs.app_context():
        change_password(world.clinic.scope(), old=PASSWORD, new=new, keep="x", admission=ADMITTED, now=world.now)

    assert enter(world, half(world, password=new).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_the_steps_of_a_guesser_are_forgotten_a_day_later(world: World) -> None:
    owner = give_factor(world)
    guess(world, owner, 10)
    assert len(rows(world, PasswordProof)) == 4
    world.pass_time(days=1)

    half(world)
    assert len(rows(world, PasswordProof)) == 1


# ---- recovery codes


def test_each_recovery_code_works_once_and_says_so_in_the_trail(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    for code in owner.codes:
        assert by_paper(world, half(world).token, code.lower().replace("-", " ")) is CodeOutcome.PASSED
        assert by_paper(world, half(world).token, code) is CodeOutcome.WRONG
        world.pass_time(minutes=2)

    assert rows(world, RecoveryCode) == []
    assert events(world).count("recovery_code_used") == 10
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_another_persons_recovery_code_is_wrong(world: World) -> None:
    give_factor(world)
    other = give_factor(world, Role.STAFF)

    assert by_paper(world, half(world).token, other.codes[0]) is CodeOutcome.WRONG
    assert by_paper(world, half(world, Role.STAFF).token, other.codes[0]) is CodeOutcome.PASSED


def test_wrong_recovery_codes_count_too(world: World) -> None:
    give_factor(world)
    step = half(world).token

    outcomes = [by_paper(world, step, code) for code in new_recovery_codes()[:5]]
    assert outcomes == [CodeOutcome.WRONG] * 4 + [CodeOutcome.OVER]


def test_new_recovery_codes_take_the_place_of_the_old_ones_once_they_are_kept(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    new = NewFactor("", new_recovery_codes())
    step = begin(world, ProofKind.RECOVERY)
    assert step is not None
    assert by_paper(world, half(world).token, owner.codes[0]) is CodeOutcome.PASSED

    with world.jobs.app_context():
        scope = world.clinic.scope()
        twice = [renew_recovery_codes(scope, step, new.recovery_hashes, now=world.now) for _ in range(2)]

    assert twice == [CodeOutcome.PASSED, CodeOutcome.OVER]
    assert by_paper(world, half(world).token, owner.codes[1]) is CodeOutcome.WRONG
    assert by_paper(world, half(world).token, new.recovery_codes[0]) is CodeOutcome.PASSED
    assert events(world).count("recovery_codes_made") == 1


def test_who_has_no_second_factor_makes_no_recovery_codes(world: World) -> None:
    with pytest.raises(DomainError, match="no second factor yet"):
        begin(world, ProofKind.RECOVERY)


# ---- at once


@contextmanager
def nothing_locked(monkeypatch: pytest.MonkeyPatch):
    """Steps of one person don't wait for each other: what is left are the conditions in the writes."""
    with monkeypatch.context() as patch:
        patch.setattr(factor_module, "lock_user", lambda session, user_id: session.get(User, user_id))
        yield


@pytest.mark.parametrize("locked", [True, False])
def test_one_code_tried_at_once_in_many_browsers_opens_one_session(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    world = world_on_either
    owner = give_factor(world)
    for _ in range(3):
        steps = [half(world).token for _ in range(6)]
        sent = sending(world)
        deeds = [partial(log_in_with_code, step, owner.phone.code(world.now), **sent) for step in steps]
        with racers(world, 6) as group:
            if locked:
                outcomes = [result.outcome for result in group.race(deeds)]
            else:
                with nothing_locked(monkeypatch):
                    outcomes = [result.outcome for result in group.race(deeds)]
        assert Counter(outcomes) == {CodeOutcome.PASSED: 1, CodeOutcome.WRONG: 5}
        world.pass_time(minutes=16)

    assert len(rows(world, UserSession)) == 3


@pytest.mark.parametrize("locked", [True, False])
def test_one_recovery_code_tried_at_once_in_many_browsers_opens_one_session(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    world = world_on_either
    owner = give_factor(world)
    for code in owner.codes[:3]:
        steps = [half(world).token for _ in range(6)]
        deeds = [partial(log_in_with_recovery_code, step, code, replaces=None, now=world.now) for step in steps]
        with racers(world, 6) as group:
            if locked:
                outcomes = [result.outcome for result in group.race(deeds)]
            else:
                with nothing_locked(monkeypatch):
                    outcomes = [result.outcome for result in group.race(deeds)]
        assert Counter(outcomes) == {CodeOutcome.PASSED: 1, CodeOutcome.WRONG: 5}


def test_many_guesses_at_once_count_as_many(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    step, wrong = half(world).token, owner.phone.wrong(world.now)
    sent = sending(world)
    with racers(world, 8) as group:
        outcomes = [result.outcome for result in group.race([partial(log_in_with_code, step, wrong, **sent)] * 8)]

    assert Counter(outcomes) == {CodeOutcome.WRONG: 4, CodeOutcome.OVER: 4}
    assert events(world).count("code_refused") == 5


def test_a_code_and_a_reset_at_once_leave_nobody_in_by_the_old_factor(world_on_either: World) -> None:
    world, user = world_on_either, world_on_either.clinic.users["scheduler"]
    for _ in range(4):
        owner = give_factor(world)
        step, sent = half(world).token, sending(world)
        deeds: list[Any] = [
            partial(log_in_with_code, step, owner.phone.code(world.now), **sent),
            partial(reset_factor, world.clinic.scope(Role.ADMIN), user, now=world.now),
        ]
        with racers(world, 2) as group:
            group.race(deeds)

        assert [row for row in rows(world, UserSession) if row.ended_at is None] == []
        assert rows(world, SecondFactor) == []
        world.pass_time(minutes=16)


def test_nothing_is_opened_when_the_session_can_not_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = give_factor(world)
    step = half(world).token
    before = snapshot(world)

    def broken(_session: Session, *_arguments: object, **_values: object) -> Login:
        raise ZeroDivisionError

    monkeypatch.setattr(factor_module, "open_session", broken)
    with pytest.raises(ZeroDivisionError):
        enter(world, step, owner.phone.code(world.now))

    assert snapshot(world) == before
