"""The program on a database that lacks the newest migration: all that it does otherwise, it does here as well.

The stories are those of other folders, told once more; `make soak` tells all of them.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import flask_migrate
import pytest

from shared.db import db
from shared.revisions import Standing, one_behind_head, standing
from shared.settings import from_environ
from shared.web import create_base
from tests.actions import test_lost_mail
from tests.cli.console import Console, console_of
from tests.databases import REVISION_VARIABLE, SqliteTemplate, environ_for
from tests.flow import test_story, test_whole_way
from tests.upgrades.story import begin, finish
from tests.web import test_cancel_pages, test_lost_mail_pages
from tests.web.conftest import checked
from tests.world import World, build_world

ROOT = Path(__file__).parents[2]


ABOUT_THE_NEWEST = (
    "test_the_models_and_the_newest_migration_are_the_same",
    "test_a_migrated_database",
    "test_an_installation_in_order_is_ready_everywhere",
    "test_jobs_that_are_away_leave_the_portals_ready_and_are_red_themselves",
    "test_a_mail_server_that_is_away_is_told_by_the_jobs_which_stay_ready_while_nothing_waits_too_long",
    "test_a_database_that_does_not_answer_is_told_in_time_and_is_well_again_by_itself",
)
"""What tells that the newest migration is there, or that nothing at all is missing."""


def step_back(url: str, folder: Path) -> None:
    app = create_base("jobs", from_environ(environ_for(url, folder)))
    with app.app_context():
        flask_migrate.downgrade(revision="-1")
        assert standing(db.engine) is Standing.ONE_BEHIND
        db.engine.dispose()


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """A world one migration behind, on SQLite."""
    with sqlite_template.database() as url:
        step_back(url, tmp_path)
        with build_world(url) as built:
            yield checked(built)


@pytest.fixture
def world_on_either(either_database: str, tmp_path: Path) -> Iterator[World]:
    """The same, on SQLite and on PostgreSQL."""
    step_back(either_database, tmp_path)
    with build_world(either_database) as built:
        yield checked(built)


@pytest.fixture
def shared_world(world: World) -> World:
    return world


def told_again(*modules: ModuleType) -> dict[str, object]:
    """The tests of other modules, to run with the fixtures of this one."""
    return {
        f"{name}__of_{module.__name__.rpartition('.test_')[2]}": value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("test_") and callable(value)
    }


globals().update(told_again(test_story, test_whole_way, test_lost_mail, test_lost_mail_pages, test_cancel_pages))


def test_a_day_begins_and_ends_well(world_on_either: World) -> None:
    finish(world_on_either, begin(world_on_either))


def test_check_says_that_it_is_enough_and_how_to_have_the_newest(world_on_either: World) -> None:
    world_on_either.tick()
    said = console_of(world_on_either).does("check")

    line = next(line for line in said.splitlines() if "Migration" in line)
    assert line.startswith("ok")
    assert f"at {one_behind_head()}, which is enough. Run: python -m shared.cli migrate" in line


@pytest.mark.parametrize("words", [("jobs", "list"), ("jobs", "run", "send_mail"), ("tick",), ("demo",)])
def test_commands_work(sqlite_template: SqliteTemplate, tmp_path: Path, words: tuple[str, ...]) -> None:
    with sqlite_template.database() as url:
        step_back(url, tmp_path)
        Console(environ_for(url, tmp_path)).does(*words)


@pytest.mark.parametrize("words", [("jobs", "list"), ("jobs", "serve"), ("tick",), ("create-clinic",), ("check",)])
def test_two_behind_is_too_old(sqlite_template: SqliteTemplate, tmp_path: Path, words: tuple[str, ...]) -> None:
    with sqlite_template.database() as url:
        for _ in range(2):
            app = create_base("jobs", from_environ(environ_for(url, tmp_path)))
            with app.app_context():
                flask_migrate.downgrade(revision="-1")
                db.engine.dispose()
        said = Console(environ_for(url, tmp_path)).refuses(*words)

    assert "older than the program. Run: python -m shared.cli migrate" in said


@pytest.mark.soak
@pytest.mark.parametrize("folder", ["actions", "flow", "web", "mails"])
def test_whatever_is_tested_on_the_newest_migration_holds_one_behind(folder: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{folder}"]
    done = subprocess.run(
        [*command, "-k", f"not ({' or '.join(ABOUT_THE_NEWEST)})"],
        cwd=ROOT,
        env=os.environ | {REVISION_VARIABLE: one_behind_head()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
