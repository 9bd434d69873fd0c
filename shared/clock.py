"""The only reader of the clock. Everything else takes ``now`` as an argument (aware UTC)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_source: Callable[[], datetime] = lambda: datetime.now(UTC)


def utc_now() -> datetime:
    """The present instant, aware, in UTC. Read once, when an HTTP request or a job tick begins."""
    return _source()


@contextmanager
def stopped_at(source: Callable[[], datetime]) -> Iterator[None]:
    """Replace the clock inside the block; tests move time with it."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
