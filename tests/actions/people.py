"""What administrators do with people, for the stories of this folder."""

from shared.actions import SaveResult, change_user, deactivate_user
from shared.db import reading
from shared.models import User
from shared.queries import handover
from shared.records import UserRecord, read_user, stamp_of
from shared.rules import Scope
from shared.states import Role
from tests.world import World


def admin(world: World) -> Scope:
    return world.clinic.scope(Role.ADMIN)


def user_of(world: World, user_id: int) -> User:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(User, user_id)


def change(
    world: World, user_id: int, *, by: Scope | None = None, stamp: str = "", to: int | None = None, **values: object
) -> SaveResult:
    """Change some of a person's values, as seen now unless another stamp is given."""
    seen = read_user(user_of(world, user_id))
    promised = preview(world, user_id, to)
    wanted = UserRecord(**({"name": seen.name, "email": seen.email, "role": seen.role} | values))  # type: ignore[arg-type]
    with world.jobs.app_context():
        return change_user(
            by or admin(world),
            user_id,
            wanted,
            stamp=stamp or stamp_of(seen),
            takes_over_id=to,
            promised=promised,
            now=world.now,
        )


def deactivate(world: World, user_id: int, *, by: Scope | None = None, to: int | None = None) -> SaveResult:
    promised = preview(world, user_id, to)
    with world.jobs.app_context():
        return deactivate_user(by or admin(world), user_id, takes_over_id=to, promised=promised, now=world.now)


def preview(world: World, user_id: int, to: int | None) -> str:
    """What the preview of a handover promises as things are now."""
    with world.jobs.app_context():
        shown = handover(admin(world), user_id, to or 0, now=world.now)
    return shown.digest if shown else ""
