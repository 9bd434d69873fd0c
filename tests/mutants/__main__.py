"""Takes away each guard in turn, in a copy of the tree, and demands that a test turns red: `make mutants`.

Words behind the command choose the guards whose names contain one of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.lending import Lending
from tests.mutants.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
AT_ONCE = 2
NOT_COPIED = (".git", ".venv", "node_modules", "instance", ".*_cache", ".hypothesis")
TESTS_FAILED = 1
"""How pytest ends when tests ran and some turned red."""


def copy_of_the_tree(folder: Path) -> Path:
    """Everything that tests need, with its compiled files: only what is changed is compiled anew."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


@contextmanager
def without(guard: Guard, tree: Path) -> Iterator[None]:
    """The tree without one guard, as it was again afterwards, times of files included."""
    file = tree / guard.file
    before, times = file.read_text(), file.stat()
    file.write_text(before.replace(guard.text, guard.without))
    try:
        yield
    finally:
        file.write_text(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def run(tests: Sequence[str], tree: Path) -> subprocess.CompletedProcess[str]:
    """These tests, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *tests]
    environ = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True)


def turns_red(guard: Guard, tree: Path) -> bool:
    """Take the guard away and tell in a line which test turned red, if one did."""
    began = monotonic()
    with without(guard, tree):
        ended = run(guard.tests, tree)
    red = re.search(r"^FAILED \S+::(\w+)", ended.stdout, re.MULTILINE)
    is_red = ended.returncode == TESTS_FAILED and red is not None
    told = red[1].removeprefix("test_").replace("_", " ") if red else "its tests stay as they were"
    colour = "red  " if is_red else "GREEN"
    print(f"{colour}  without {guard.name!r}: {told} ({monotonic() - began:.0f} s)", flush=True)
    return is_red


def main(words: Sequence[str]) -> int:
    """0 if every guard stands where it is said to, the tests are green with it, and one turns red without it."""
    guards = [guard for guard in GUARDS if not words or any(word in guard.name for word in words)]
    if not guards:
        print("No guard has such a name")
        return 1
    moved = [guard for guard in guards if (ROOT / guard.file).read_text().count(guard.text) != 1]
    for guard in moved:
        print(f"MOVED  {guard.name}: what stood in {guard.file} is not there, or more than once", flush=True)
    with tempfile.TemporaryDirectory(prefix="dispatch-mutants-") as folder:
        trees = Lending(lambda number: copy_of_the_tree(Path(folder) / f"tree-{number}"))
        with trees.lend() as tree:
            whole = run(sorted({test for guard in guards for test in guard.tests}), tree)
        if whole.returncode:
            print(f"With all guards in place the tests are not green:\n{whole.stdout}{whole.stderr}")
            return 1

        def look_at(guard: Guard) -> bool:
            with trees.lend() as tree:
                return turns_red(guard, tree)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            red = list(pool.map(look_at, [guard for guard in guards if guard not in moved]))
    print(f"{sum(red)} of {len(guards)} guards turn a test red when they are taken away")
    return 0 if all(red) and not moved else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
