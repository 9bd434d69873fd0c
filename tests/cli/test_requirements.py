"""The lists of libraries: locked with hashes, in step with each other, and none too many in an installation."""

import re
import subprocess
import sys
from pathlib import Path

from tests.databases import OUTSIDE_DEVELOPMENT, environ_for

ROOT = Path(__file__).parents[2]
LISTS = ("requirements", "requirements-run", "requirements-dev")
"""Each stands on the one before."""


def wanted(name: str) -> set[str]:
    """The libraries that a list names itself."""
    return {found.lower() for found in re.findall(r"^([\w.-]+)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)} - {
        "-r"
    }


def locked(name: str) -> dict[str, str]:
    """The versions in a lock file, each with at least one hash behind it."""
    text = (ROOT / f"{name}.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE))
    assert len(pins) == len(re.findall(r"^[\w.-]", text, re.MULTILINE))
    return pins


def test_every_library_of_a_list_is_locked_and_the_lists_agree() -> None:
    for name, below in zip(LISTS[1:], LISTS, strict=False):
        assert f"-r {below}.txt" in (ROOT / f"{name}.in").read_text()
        assert locked(below).items() <= locked(name).items()
    for name in LISTS:
        assert wanted(name) <= set(locked(name))


def test_an_installation_gets_nothing_that_only_make_run_needs() -> None:
    assert wanted("requirements-run") == {"aiosmtpd", "honcho"}
    assert not wanted("requirements-run") & set(locked("requirements"))


def test_the_product_starts_without_them(tmp_path: Path) -> None:
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in sorted(wanted("requirements-run")))
    environ = environ_for(f"sqlite:///{tmp_path}/none.sqlite3", tmp_path, **OUTSIDE_DEVELOPMENT)

    said = subprocess.run(
        [sys.executable, "-c", f"import sys; {blocked}import wsgi, shared.cli; print(wsgi.portal, wsgi.vendor_portal)"],
        cwd=ROOT, env=environ, capture_output=True, text=True,
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert "portal" in said.stdout
