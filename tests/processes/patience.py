"""How long is waited for a process on a busy machine before a test fails."""

import time
from collections.abc import Iterator

PATIENCE_SECONDS = 120.0
"""Nothing that works takes nearly as long; what is promised in time has a bound of its own."""


def attempts(complaint: str) -> Iterator[None]:
    """Look again and again, a moment apart, until whoever looks is content; too long is a failure."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        yield
        time.sleep(0.005)
    raise AssertionError(complaint)
