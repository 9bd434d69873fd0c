"""The second factor set up, changed, required, reset: by its owner with the password, or by an administrator."""

import pytest

from shared.actions import (
    CodeOutcome,
    Login,
    deactivate_user,
    log_in,
    log_in_with_code,
    remove_factor,
    reset_factor,
    set_up_at_login,
)
from shared.errors import DomainError, NotFoundError
from shared.factors import new_factor
from shared.models import RecoveryCode, SecondFactor, User, UserSession
from shared.queries import factor_page
from shared.states import ProofKind, Role
from shared.tokens import Tokens
from tests.actions.desk import snapshot
from tests.actions.half_way import (
    begin,
    by_paper,
    enter,
    events,
    finish,
    give_factor,
    half,
    is_in,
    require_factor,
    rows,
    sending,
    session_of,
)
from tests.phone import Phone
from tests.world import ADMITTED, PASSWORD, World

# ---- setting up


def test_nothing_is_stored_before_the_apps_first_code_is_right(world_on_either: World) -> None:
    world = world_on_either
    elsewhere, new = session_of(world), new_factor()
    token = begin(world, ProofKind.SET_UP)
    assert token is not None
    before = snapshot(world)

    assert finish(world, token, new, Phone(new.secret).wrong(world.now)) is CodeOutcome.WRONG
    assert snapshot(world) == before
    assert finish(world, token, new, Phone(new.secret).code(world.now)) is CodeOutcome.PASSED

    assert not is_in(world, elsewhere)
    assert events(world)[-1] == "factor_set_up"
    assert finish(world, token, new, Phone(new.secret).code(world.now)) is CodeOutcome.OVER


def test_secret_and_codes_are_nowhere_in_the_database(world_on_either: World) -> None:
    owner = give_factor(world_on_either)

    whole = str(snapshot(world_on_either))
    assert owner.phone.secret not in whole
    assert not [code for code in owner.codes if code in whole or code.replace("-", "") in whole]


def test_another_phone_takes_the_place_of_the_first(world: World) -> None:
    first = give_factor(world)
    half_way = half(world).token
    second = give_factor(world)

    assert enter(world, half_way, first.phone.code(world.now)).outcome is CodeOutcome.OVER
    step = half(world).token
    assert enter(world, step, first.phone.code(world.now)).outcome is CodeOutcome.WRONG
    assert by_paper(world, step, first.codes[0]) is CodeOutcome.WRONG
    assert enter(world, step, second.phone.code(world.now)).outcome is CodeOutcome.PASSED
    assert len(rows(world, SecondFactor)) == 1


def test_nobody_sets_up_a_second_factor_with_another_persons_step(world: World) -> None:
    token, new = begin(world, ProofKind.SET_UP, role=Role.ADMIN), new_factor()
    assert token is not None
    before = snapshot(world)

    assert finish(world, token, new, Phone(new.secret).code(world.now)) is CodeOutcome.OVER
    assert snapshot(world) == before


@pytest.mark.parametrize("kind", [ProofKind.SET_UP, ProofKind.RECOVERY])
def test_a_change_asks_for_the_password_and_a_guess_leaves_a_line(world: World, kind: ProofKind) -> None:
    owner = give_factor(world)

    assert begin(world, kind, password="a guess at it") is None
    with world.jobs.app_context():
        assert not remove_factor(world.clinic.scope(), "a guess at it", keep="x", admission=ADMITTED, now=world.now)

    assert events(world).count("login_failed") == 2
    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


def test_a_second_factor_is_switched_off_with_the_password(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world)
    here = enter(world, half(world).token, owner.phone.code(world.now)).login
    there = enter(world, half(world).token, owner.phone.code(world.now, steps=1)).login
    assert here is not None
    assert there is not None
    with world.jobs.app_context():
        for _ in range(2):
            assert remove_factor(world.clinic.scope(), PASSWORD, keep=here.token, admission=ADMITTED, now=world.now)

    assert is_in(world, here.token)
    assert not is_in(world, there.token)
    assert rows(world, SecondFactor) == rows(world, RecoveryCode) == []
    assert events(world).count("factor_removed") == 1
    assert session_of(world)


# ---- required by the clinic


def test_where_the_clinic_requires_one_the_password_leads_to_setting_it_up(world_on_either: World) -> None:
    world, new = world_on_either, new_factor()
    require_factor(world)
    opened = half(world)
    assert opened.kind is ProofKind.SET_UP
    assert rows(world, UserSession) == []

    phone, sent = Phone(new.secret), sending(world)
    with world.jobs.app_context():
        wrong = set_up_at_login(opened.token, phone.wrong(world.now), new, **sent)
        right = set_up_at_login(opened.token, phone.code(world.now), new, **sent)

    assert (wrong.outcome, right.outcome) == (CodeOutcome.WRONG, CodeOutcome.PASSED)
    assert right.login is not None
    assert is_in(world, right.login.token)
    assert half(world).kind is ProofKind.CODE


def test_a_step_that_waits_elsewhere_sets_up_nothing_over_the_owners_factor(world: World) -> None:
    """Else whoever knows the password and waits could put another app in its place."""
    require_factor(world)
    waiting, owners, theirs = half(world).token, half(world).token, new_factor()
    mine = new_factor()
    sent = sending(world)
    with world.jobs.app_context():
        set_up_at_login(owners, Phone(mine.secret).code(world.now), mine, **sent)
        result = set_up_at_login(waiting, Phone(theirs.secret).code(world.now), theirs, **sent)
    assert result.outcome is CodeOutcome.OVER

    opened_before = begin(world, ProofKind.SET_UP)  # by its owner, on the account page
    assert opened_before is not None
    with world.jobs.app_context():
        result = set_up_at_login(opened_before, Phone(theirs.secret).code(world.now), theirs, **sent)
    assert result.outcome is CodeOutcome.OVER


def test_where_the_clinic_requires_one_it_can_not_be_switched_off_but_set_up_anew(world: World) -> None:
    give_factor(world)
    require_factor(world)
    before = snapshot(world)
    with world.jobs.app_context(), pytest.raises(DomainError, match="requires a second factor"):
        remove_factor(world.clinic.scope(), PASSWORD, keep="x", admission=ADMITTED, now=world.now)

    assert snapshot(world) == before
    assert give_factor(world)


def test_another_clinics_setting_requires_nothing_here(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    require_factor(world)
    with world.jobs.app_context():
        opened = log_in(
            email="staff@harbor.example", password=PASSWORD, admission=ADMITTED, replaces=None, now=world.now
        )
        assert isinstance(opened, Login)
        assert not factor_page(harbor.scope()).required


# ---- administrators


def test_an_administrator_resets_a_colleagues_second_factor(world_on_either: World) -> None:
    world, user = world_on_either, world_on_either.clinic.users["scheduler"]
    owner = give_factor(world)
    login = enter(world, half(world).token, owner.phone.code(world.now)).login
    assert login is not None
    with world.jobs.app_context():
        for _ in range(2):
            reset_factor(world.clinic.scope(Role.ADMIN), user, now=world.now)

    assert not is_in(world, login.token)
    assert rows(world, SecondFactor) == rows(world, RecoveryCode) == []
    [line] = [entry for entry in world.trail() if entry.what == "factor_reset"]
    assert (line.actor_user_id, line.about_kind, line.about_id) == (world.clinic.users["admin"], "user", user)
    assert session_of(world)


def test_nobody_resets_their_own_nor_another_clinics_nor_without_being_an_administrator(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    give_factor(world)
    give_factor(world, Role.ADMIN)
    user, admin = world.clinic.users["scheduler"], world.clinic.users["admin"]
    before = snapshot(world)

    with world.jobs.app_context():
        with pytest.raises(DomainError, match="page of your account"):
            reset_factor(world.clinic.scope(Role.ADMIN), admin, now=world.now)
        with pytest.raises(NotFoundError):
            reset_factor(harbor.scope(Role.ADMIN), user, now=world.now)
        with pytest.raises(DomainError, match="administrator"):
            reset_factor(world.clinic.scope(Role.STAFF), user, now=world.now)
    assert snapshot(world) == before


def test_somebody_deactivated_and_let_in_again_still_needs_the_code(world: World) -> None:
    owner, user = give_factor(world), world.clinic.users["scheduler"]
    with world.jobs.app_context():
        deactivate_user(world.clinic.scope(Role.ADMIN), user, now=world.now)
    world.change(User, user, active=True)

    assert enter(world, half(world).token, owner.phone.code(world.now)).outcome is CodeOutcome.PASSED


# ---- keys


def test_a_retired_key_still_opens_the_secret_and_a_login_moves_it_to_the_new_one(world: World) -> None:
    owner = give_factor(world)
    old = world.settings.secret_keys[0]
    both, newest = Tokens(("n" * 40, old)), Tokens(("n" * 40,))

    def login_with(tokens: Tokens) -> CodeOutcome:
        step, code = half(world).token, owner.phone.code(world.now)
        world.pass_time(seconds=30)
        with world.jobs.app_context():
            return log_in_with_code(step, code, tokens=tokens, replaces=None, now=world.now).outcome

    assert login_with(newest) is CodeOutcome.UNREADABLE
    assert login_with(both) is CodeOutcome.PASSED
    assert login_with(newest) is CodeOutcome.PASSED
    assert events(world).count("code_refused") == 0


def test_one_persons_encrypted_secret_does_not_work_in_anothers_row(world: World) -> None:
    owner = give_factor(world)
    give_factor(world, Role.STAFF)
    scheduler, staff = world.clinic.users["scheduler"], world.clinic.users["staff"]
    [stolen] = [row.secret for row in rows(world, SecondFactor) if row.user_id == scheduler]
    world.change(SecondFactor, staff, secret=stolen)

    step = half(world, Role.STAFF).token
    assert enter(world, step, owner.phone.code(world.now)).outcome is CodeOutcome.UNREADABLE
