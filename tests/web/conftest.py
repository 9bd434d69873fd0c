"""The world, with browsers that check every page they are shown."""

from collections.abc import Iterator

import pytest

from shared.wrong_links import limiter
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.web.checks import CheckedClient
from tests.web.clinics import TwoClinics, two_clinics
from tests.world import World, build_world


@pytest.fixture(autouse=True)
def _no_wrong_links_before() -> None:
    """What one test did to a shared world with wrong links slows down no other."""
    if limiter.initialized:
        limiter.reset()


def checked(world: World) -> World:
    """Let every browser of the world check its pages."""
    world.portal.test_client_class = CheckedClient
    world.vendor_portal.test_client_class = CheckedClient
    world.vendor = world.vendor_portal.test_client()
    return world


@pytest.fixture
def world(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A clinic on SQLite whose pages are checked."""
    with sqlite_template.database() as url, build_world(url) as built:
        yield checked(built)


@pytest.fixture
def world_on_either(either_database: str) -> Iterator[World]:
    """The same, on SQLite and on PostgreSQL."""
    with build_world(either_database) as built:
        yield checked(built)


@pytest.fixture(scope="module")
def shared_world(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """One world for all tests of a file. Only for tests that change nothing in it."""
    with sqlite_template.database() as url, build_world(url) as built:
        yield checked(built)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def clinics(request: pytest.FixtureRequest) -> Iterator[TwoClinics]:
    """Two clinics for all tests of a file, which change nothing they look at. What walks through everything takes as
    long again on PostgreSQL: there it is a soak."""
    name = "sqlite_template" if request.param == "sqlite" else "postgres_template"
    template: SqliteTemplate | PostgresTemplate = request.getfixturevalue(name)
    with template.database() as url, build_world(url) as world:
        yield two_clinics(world)
