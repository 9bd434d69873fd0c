"""One clock for several processes: it stands still until a test moves it, and all of them see it move."""

import struct
from datetime import UTC, datetime, timedelta
from mmap import mmap
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class CommonClock:
    """An instant in a file that every process maps into its memory."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._memory = mmap(opened.fileno(), 8)

    def read(self) -> datetime:
        """What time it is."""
        [microseconds] = struct.unpack_from("<q", self._memory)
        return EPOCH + microseconds * MICROSECOND

    def set(self, instant: datetime) -> None:
        """Make it that time, for everybody."""
        struct.pack_into("<q", self._memory, 0, (instant - EPOCH) // MICROSECOND)
