"""`jobs serve` by a clock that a test sets: python -m tests.faults.stepped_jobs FILE

FILE holds by how many seconds the clock differs from the machine's, and may change at any time. All that reads a clock
reads this one, the scheduler's own look at it included.
"""

import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from apscheduler.schedulers import base
from apscheduler.triggers import interval

from shared import clock
from shared.cli import main


class _Instants(type):
    """Whatever is an instant is one of this kind, too."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class Stepped(datetime, metaclass=_Instants):
    """datetime, but for what it takes for now."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return clock.utc_now().astimezone(tz)


def serve(file: Path) -> None:
    """Run the jobs until stopped."""
    machine = clock._source
    for module in (base, interval):
        module.datetime = Stepped
    with clock.stopped_at(lambda: machine() + timedelta(seconds=float(file.read_text() or 0))):
        main(["jobs", "serve"])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
