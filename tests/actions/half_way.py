"""People with a second factor, for the stories of this folder and of the pages: set up, and half-way into a login."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from shared.actions import (
    CodeOutcome,
    CodeResult,
    HalfLogin,
    Login,
    log_in,
    log_in_with_code,
    log_in_with_recovery_code,
    prove_password,
    set_up_factor,
)
from shared.db import reading
from shared.factors import NewFactor, new_factor
from shared.models import Clinic
from shared.queries import viewer_of
from shared.rules import Scope
from shared.states import ProofKind, Role
from tests.actions.desk import tokens_of
from tests.phone import Phone
from tests.world import ADMITTED, PASSWORD, World


@dataclass(frozen=True)
class Owner:
    """Somebody whose second factor is set up: the app, and the codes on paper."""

    phone: Phone
    codes: tuple[str, ...]


def give_factor(world: World, role: Role = Role.SCHEDULER) -> Owner:
    """Set up a second factor, with the code of half a minute ago: the present one is still to be used."""
    return give_factor_to(world, world.clinic.scope(role))


def give_factor_to(world: World, scope: Scope) -> Owner:
    """The same for anybody whose password is the tests'."""
    new = new_factor()
    phone = Phone(new.secret)
    with world.jobs.app_context():
        token = prove_password(scope, PASSWORD, ProofKind.SET_UP, admission=ADMITTED, now=world.now)
        assert token is not None
        code, tokens = phone.code(world.now, steps=-1), tokens_of(world)
        outcome = set_up_factor(scope, token, code, new, tokens=tokens, keep="", now=world.now)
    assert outcome is CodeOutcome.PASSED
    return Owner(phone, new.recovery_codes)


def finish(world: World, token: str, new: NewFactor, code: str, *, role: Role = Role.SCHEDULER) -> CodeOutcome:
    """Send the first code of a new app."""
    with world.jobs.app_context():
        return set_up_factor(
            world.clinic.scope(role), token, code, new, tokens=tokens_of(world), keep="", now=world.now
        )


def half(world: World, role: Role = Role.SCHEDULER, password: str = PASSWORD) -> HalfLogin:
    """Give the password, as far as it goes."""
    with world.jobs.app_context():
        opened = log_in(
            email=f"{role}@demo.example", password=password, admission=ADMITTED, replaces=None, now=world.now
        )
    assert isinstance(opened, HalfLogin), opened
    return opened


def enter(world: World, token: str, code: str) -> CodeResult:
    """Give the code of the app."""
    with world.jobs.app_context():
        return log_in_with_code(token, code, **sending(world))


def require_factor(world: World) -> None:
    """The clinic's setting, as the settings page will set it."""
    world.change(Clinic, world.clinic.id, second_factor_required=True)


def sending(world: World) -> dict[str, Any]:
    """What a view sends along with a code."""
    return {"tokens": tokens_of(world), "replaces": None, "now": world.now}


def is_in(world: World, token: str) -> bool:
    with world.jobs.app_context():
        long = timedelta(days=9)
        return viewer_of(token, idle=long, absolute=long, now=world.now) is not None


def session_of(world: World, role: Role = Role.SCHEDULER) -> str:
    """A login by the password alone."""
    with world.jobs.app_context():
        opened = log_in(
            email=f"{role}@demo.example", password=PASSWORD, admission=ADMITTED, replaces=None, now=world.now
        )
    assert isinstance(opened, Login)
    return opened.token


def rows(world: World, kind: type[Any]) -> list[Any]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(kind)))


def events(world: World) -> list[str]:
    return [entry.what for entry in world.trail()]


def by_paper(world: World, token: str, code: str) -> CodeOutcome:
    with world.jobs.app_context():
        return log_in_with_recovery_code(token, code, replaces=None, now=world.now).outcome


def begin(world: World, kind: ProofKind, *, role: Role = Role.SCHEDULER, password: str = PASSWORD) -> str | None:
    with world.jobs.app_context():
        return prove_password(world.clinic.scope(role), password, kind, admission=ADMITTED, now=world.now)
