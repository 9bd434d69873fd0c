"""reset-second-factor: the way back in for an administrator whom no other can help."""

from shared.actions import Login, log_in
from shared.models import RecoveryCode, SecondFactor
from shared.states import Role
from tests.actions.desk import snapshot
from tests.actions.half_way import enter, give_factor, half, is_in, rows
from tests.cli.console import Console, console_of
from tests.world import ADMITTED, PASSWORD, World

ADMIN = "admin@demo.example"


def test_the_last_administrator_gets_in_again_with_the_password(world_on_either: World) -> None:
    world = world_on_either
    owner = give_factor(world, Role.ADMIN)
    inside = enter(world, half(world, Role.ADMIN).token, owner.phone.code(world.now)).login
    assert inside is not None

    said = console_of(world).does("reset-second-factor", " Admin@DEMO.example ")

    assert "Admin of Riverside Clinic has no second factor any more" in said
    assert rows(world, SecondFactor) == rows(world, RecoveryCode) == []
    assert not is_in(world, inside.token)
    with world.jobs.app_context():
        assert isinstance(
            log_in(email=ADMIN, password=PASSWORD, admission=ADMITTED, replaces=None, now=world.now), Login
        )
    line = next(entry for entry in world.trail() if entry.what == "factor_reset")
    assert (line.actor_user_id, line.about_kind, line.about_id) == (None, "user", world.clinic.users["admin"])


def test_it_says_when_there_is_nobody_or_nothing_and_changes_nothing(world: World) -> None:
    give_factor(world)
    before = snapshot(world)
    console = console_of(world)

    assert "Nobody has this mail address." in console.refuses("reset-second-factor", "nobody@demo.example")
    assert "Admin of Riverside Clinic has no second factor." in console.refuses("reset-second-factor", ADMIN)
    assert "This is no mail address." in console.refuses("reset-second-factor", "admin", code=2)
    assert snapshot(world) == before


def test_a_database_that_is_not_migrated_is_refused(bare_console: Console) -> None:
    assert "migrate" in bare_console.refuses("reset-second-factor", ADMIN)
