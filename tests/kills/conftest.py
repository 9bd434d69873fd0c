"""Fixtures of the kills."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.kills import points
from tests.kills.trial import Trial
from tests.processes.site import Site, real_site


@pytest.fixture
def site(either_database: str) -> Iterator[Site]:
    """Real processes on a fresh database, which die where the fuse says."""
    with real_site(either_database) as built:
        built.prepare = partial(points.install, built.fuse)
        yield built


@pytest.fixture
def trial(site: Site) -> Trial:
    """Nobody killed yet."""
    return Trial(site)
