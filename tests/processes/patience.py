"""How long is waited for a process on a busy machine before a test fails."""

import time
from collections.abc import Iterator

PATIENCE_SECONDS = 120.0
"""Nothing that works takes nearly as long; what is promised in time has a bound of its own."""


def attempts(complaint: str) -> Iterator[None]:
    """Look again and again, a moment apart, until whoever looks is content; too long is a failure. What takes long to
    look at is looked at less often, so that looking keeps nobody from working."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (began := time.monotonic()) < until:
        yield
        time.sleep(max(0.005, 3 * (time.monotonic() - began)))
    raise AssertionError(complaint)
