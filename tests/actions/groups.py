"""Hunt groups as an administrator's hand changes them, for tests about what follows from that."""

from shared.actions import SaveOutcome, add_group, change_group
from shared.queries import group_page
from shared.records import GroupRecord
from shared.states import Role
from tests.world import World


def new_group(world: World, name: str) -> str:
    """A group for ASL without members; returns the name, by which it can be asked."""
    with world.jobs.app_context():
        saved = add_group(world.clinic.scope(Role.ADMIN), name=name, language_tag="ase", now=world.now)
        assert saved.id is not None
        world.clinic.groups[name] = saved.id
    return name


def set_members(world: World, group: str, *companies: str) -> None:
    scope = world.clinic.scope(Role.ADMIN)
    with world.jobs.app_context():
        page = group_page(scope, world.clinic.groups[group])
        assert page is not None
        wanted = GroupRecord(group, tuple(world.clinic.companies[name] for name in companies))
        result = change_group(scope, page.id, wanted, stamp=page.stamp, now=world.now)
    assert result.outcome is SaveOutcome.SAVED
