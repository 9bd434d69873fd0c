"""Says at which point a process is to die, by SIGKILL from within, so that the place is exact."""

import os
import signal
from pathlib import Path

from tests.processes.patience import attempts


class Fuse:
    """A file that names a point, how often it is still to be passed, and who dies: it burns once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ashes = file.with_suffix(".burnt")
        self._alone = False

    def light(self, point: str, *, passage: int = 1, alone: bool = False) -> None:
        """Kill whoever passes this point for the nth time; ``alone``: and not its parent and siblings."""
        assert not self.is_lit, f"nobody has passed {self._file.read_text()}"
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{point}\n{passage}\n{alone:d}")
        fresh.rename(self._file)

    @property
    def is_lit(self) -> bool:
        return self._file.exists()

    def wait_for_death(self) -> None:
        """Until it has burnt and whoever passed the point is gone."""
        for _ in attempts("nobody has passed the point"):
            if not self.is_lit and _is_dead(int(self._ashes.read_text())):
                return

    def passing(self, point: str) -> None:
        """Die here, if it is here."""
        if self.burns(point):
            self.die()

    def burns(self, point: str) -> bool:
        """Whether this is the place; whoever asks dies next."""
        if not self.is_lit:
            return False
        wanted, passages, alone = self._file.read_text().split("\n")
        if wanted != point:
            return False
        if int(passages) > 1:
            self._file.write_text(f"{wanted}\n{int(passages) - 1}\n{alone}")
            return False
        self._alone = alone == "1"
        self._ashes.write_text(str(os.getpid()))
        self._file.unlink()
        return True

    def die(self) -> None:
        """No handler, no ``finally``, no goodbye."""
        if self._alone:
            os.kill(os.getpid(), signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)


def _is_dead(pid: int) -> bool:
    """Gone with all its threads, or a zombie that nobody has waited for yet: its sockets are closed."""
    process = Path(f"/proc/{pid}")
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(list((process / "task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True
