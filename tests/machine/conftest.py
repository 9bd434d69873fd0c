"""Worlds for the machine and for the stories it found, and the steps to tell these in."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.databases import PostgresTemplate, SqliteTemplate
from tests.machine.steps import Steps
from tests.world import World, build_world


@pytest.fixture
def sqlite_world(sqlite_template: SqliteTemplate) -> Iterator[World]:
    with sqlite_template.database() as url, build_world(url) as world:
        yield world


@pytest.fixture
def postgres_world(postgres_template: PostgresTemplate) -> Iterator[World]:
    with postgres_template.database() as url, build_world(url) as world:
        yield world


@pytest.fixture
def steps(world: World) -> Iterator[Steps]:
    with world.jobs.app_context():
        yield Steps(world, Counter(), tell=print)
