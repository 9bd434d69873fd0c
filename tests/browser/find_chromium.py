"""Where the browser tests find Chromium, and how it is installed when there is none.

`make test` runs this file first: a missing browser is an error, never a skipped test.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")

WHAT_TO_INSTALL = """\
No Chromium was found and none could be installed. The browser tests need one of
  - the system's package, on Debian:  apt-get install chromium
  - Playwright's own download:        {python} -m playwright install --with-deps chromium
"""


@cache
def chromium_path() -> str | None:
    """The browser to start: an installed one first, then Playwright's own download; None without either."""
    installed = (shutil.which(name) for name in NAMES)
    return next((path for path in installed if path and _starts(path)), None) or _downloaded()


def _starts(path: str) -> bool:
    """Ubuntu's package `chromium-browser` is only a script that asks for a snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _downloaded() -> str | None:
    """Ask Playwright in a process of its own: the caller may already have Playwright's loop running."""
    ask = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright:\n"
        "    print(playwright.chromium.executable_path)\n"
    )
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
    path = answer.stdout.strip()
    return path if path and Path(path).is_file() and _starts(path) else None


def _install() -> None:
    """Debian's package where we may, else Playwright's download; each tool says itself what failed."""
    root = os.geteuid() == 0
    if root and shutil.which("apt-get"):
        print("Installing Debian's chromium", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        packages = ["chromium", "fonts-liberation"]  # without a font, pages measure and look wrong
        subprocess.run(["apt-get", "update", "-qq"], env=environment)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        chromium_path.cache_clear()
        if chromium_path():
            return
    print("Downloading Playwright's chromium", flush=True)
    system_libraries = ["--with-deps"] if root else []
    subprocess.run([sys.executable, "-m", "playwright", "install", *system_libraries, "chromium"])
    chromium_path.cache_clear()


def main() -> int:
    """Print the browser's path, after installing one if need be. Exit status 1 if that failed."""
    if chromium_path() is None:
        _install()
    path = chromium_path()
    if path is None:
        print(WHAT_TO_INSTALL.format(python=sys.executable), file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
