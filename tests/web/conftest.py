"""The world, with browsers that check every page they are shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.web.checks import CheckedClient
from tests.world import World, build_world


def checked(world: World) -> World:
    """Let every browser of the world check its pages."""
    world.portal.test_client_class = CheckedClient
    world.vendor_portal.test_client_class = CheckedClient
    world.vendor = world.vendor_portal.test_client()
    return world


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """A clinic on SQLite whose pages are checked."""
    with sqlite_template.database(tmp_path) as url, build_world(url, tmp_path) as built:
        yield checked(built)


@pytest.fixture
def world_on_either(either_database: str, tmp_path: Path) -> Iterator[World]:
    """The same, on SQLite and on PostgreSQL."""
    with build_world(either_database, tmp_path) as built:
        yield checked(built)


@pytest.fixture(scope="module")
def shared_world(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests of a file. Only for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("shared")
    with sqlite_template.database(folder) as url, build_world(url, folder) as built:
        yield checked(built)
