"""Whether a list of leaked passwords holds one. It is a file of SHA-1 hashes in order, one a line, and is searched
where it lies: those that are commonly handed out take tens of gigabytes, with a count behind each hash ("HASH:count").
"""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import BinaryIO

_HASH = re.compile(rb"[0-9A-F]{40}")
_LONGEST_LINE = 128
_SAMPLES = 1000

log = logging.getLogger(__name__)


def is_leaked(password: str, path: Path | None) -> bool:
    """Whether the list at ``path``, if there is one, holds it. A list that can't be read holds nothing: people go on
    choosing passwords, by the other rules, and ``check`` tells whoever can mend it."""
    if path is None:
        return False
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as file:
            return _holds(file, wanted)
    except OSError as error:
        log.error("The list of leaked passwords can't be read: %s", error.strerror)
        return False


def list_fault(path: Path) -> str:
    """What is wrong with a list, in half a sentence; empty if nothing is. Looks at a thousand of its lines."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            found = [_line_from(file, size * number // _SAMPLES)[1] for number in range(_SAMPLES)]
    except OSError as error:
        return f"can't be read ({error.strerror})"
    hashes = [line for line in found if line]  # behind the last line there is none
    if not hashes or not all(map(_HASH.fullmatch, hashes)):
        return "holds something else than SHA-1 hashes, one a line"
    return "" if hashes == sorted(hashes) else "is not in the order of its hashes"


def _holds(file: BinaryIO, wanted: bytes) -> bool:
    """Halve, again and again, the part of the file in which the line would begin."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        begins, found = _line_from(file, middle)
        if begins >= high or found > wanted:
            high = middle
        elif found < wanted:
            low = file.tell()
        else:
            return True
    return False


def _line_from(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """The first line that begins at this byte or behind it: where it begins, and its hash."""
    file.seek(max(place - 1, 0))
    if place:
        file.readline(_LONGEST_LINE)  # to the end of the line before
    return file.tell(), file.readline(_LONGEST_LINE).partition(b":")[0].strip().upper()
