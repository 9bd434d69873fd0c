"""Fixtures of the faults."""

from collections.abc import Iterator

import pytest

from tests.databases import SqliteTemplate
from tests.world import World, build_world


@pytest.fixture
def impatient_world(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world that waits a second for its mail server, logs in there, and starts with no server at all."""
    impatience = {"MAIL_TIMEOUT_SECONDS": "1", "MAIL_USERNAME": "dispatch", "MAIL_PASSWORD": "a mail password"}
    with sqlite_template.database() as url, build_world(url, **impatience) as built:
        built.post.close()
        yield built
