"""Fixtures of the faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.world import World, build_world


@pytest.fixture
def impatient_world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """A world that waits a second for its mail server, logs in there, and starts with no server at all."""
    impatience = {"MAIL_TIMEOUT_SECONDS": "1", "MAIL_USERNAME": "dispatch", "MAIL_PASSWORD": "a mail password"}
    with sqlite_template.database(tmp_path) as url, build_world(url, tmp_path, **impatience) as built:
        built.post.close()
        yield built
