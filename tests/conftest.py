"""Fixtures of all tests: a database, a world on it, and a clock that stands still until a test moves it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests import soak_report
from tests.databases import POSTGRES_VARIABLE, PostgresTemplate, SqliteTemplate, quick_disk, running_postgres
from tests.world import World, build_world

_stack = ExitStack()

# The same examples on every run, however busy the machine.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL once, in the process that starts the workers."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        os.environ[POSTGRES_VARIABLE] = _stack.enter_context(running_postgres())


def pytest_unconfigure() -> None:
    """Stop it again."""
    _stack.close()


def _soaks(config: pytest.Config) -> bool:
    return str(config.option.markexpr).startswith("soak")


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """`make soak` gives each long test a line instead of a dot."""
    if report.when != "call" or not _soaks(config):
        return None
    return report.outcome, soak_report.line(report), report.outcome.upper()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """And a table of what was killed."""
    if _soaks(config):
        for row in soak_report.table(terminalreporter.getreports("passed")):
            terminalreporter.write_line(row)


@pytest.fixture(scope="session")
def sqlite_template() -> Iterator[SqliteTemplate]:
    with tempfile.TemporaryDirectory(prefix="dispatch-sqlite-", dir=quick_disk()) as folder:
        yield SqliteTemplate(Path(folder))


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory) -> PostgresTemplate:
    return PostgresTemplate(os.environ[POSTGRES_VARIABLE], tmp_path_factory.mktemp("postgres"))


@pytest.fixture(params=["sqlite", "postgresql"])
def either_template(request: pytest.FixtureRequest) -> SqliteTemplate | PostgresTemplate:
    """A test with this fixture runs on both databases, on as many of each as it copies."""
    kind = "sqlite_template" if request.param == "sqlite" else "postgres_template"
    template: SqliteTemplate | PostgresTemplate = request.getfixturevalue(kind)
    return template


@pytest.fixture
def either_database(either_template: SqliteTemplate | PostgresTemplate) -> Iterator[str]:
    """A fresh database, on both."""
    with either_template.database() as url:
        yield url


@pytest.fixture
def world(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A clinic with its people and companies on SQLite, a real mail server, and a clock of its own."""
    with sqlite_template.database() as url, build_world(url) as built:
        yield built


@pytest.fixture
def world_on_either(either_database: str) -> Iterator[World]:
    """The same, on SQLite and on PostgreSQL."""
    with build_world(either_database) as built:
        yield built
