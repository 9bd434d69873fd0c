"""The lock files: every library pinned with its hashes, no registry of anybody's in them, all as the lists say."""

import json
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PINNED = re.compile(r"([a-z0-9-]+(?:\[[a-z0-9,-]+\])?)==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)")


def lines_of(name: str) -> list[str]:
    """A lock file's lines, those that go on joined, without remarks."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pins_of(name: str) -> dict[str, str]:
    """Library → version."""
    found = [PINNED.fullmatch(line) for line in lines_of(name)]
    return {canonicalize_name(pin[1].partition("[")[0]): pin[2] for pin in found if pin}


def wanted_in(name: str) -> dict[str, Requirement]:
    """What a list names itself, without the lists that it stands on."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {canonicalize_name(requirement.name): requirement for requirement in wanted}


def named_by_the_list(lock: str, source: str) -> set[str]:
    """The libraries that the lock file's remarks say stand in a list."""
    found: set[str] = set()
    library = ""
    for line in (ROOT / lock).read_text().splitlines():
        begins = re.match(r"([A-Za-z0-9._-]+)(?:\[.*?\])?==", line)
        library = begins[1] if begins else library
        if line.strip().removeprefix("#").split()[-2:] == ["-r", source]:
            found.add(canonicalize_name(library))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_file_is_one_version_with_its_hashes(lock: str) -> None:
    lines = lines_of(lock)

    assert len(lines) > 40
    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert len(pins_of(lock)) == len(lines), "a library stands twice"


@pytest.mark.parametrize("file", [*LOCKS, "requirements.in", "requirements-dev.in", "package-lock.json"])
def test_no_list_and_no_lock_file_names_a_registry(file: str) -> None:
    text = (ROOT / file).read_text()

    assert not re.search(r"https?://|git\+|file:/|^--|^-[ief] ", text, re.MULTILINE)
    assert '"resolved"' not in text


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_lock_files_fit_the_lists(name: str) -> None:
    pins, wanted = pins_of(f"{name}.txt"), wanted_in(f"{name}.in")

    assert len(wanted) > 10
    unmet = [str(need) for library, need in wanted.items() if not need.specifier.contains(pins.get(library, "0"))]
    assert unmet == [], "make lock"
    # What was taken off a list has left the lock file as well.
    assert named_by_the_list(f"{name}.txt", f"{name}.in") == wanted.keys()


def test_what_a_locked_library_needs_is_locked_as_well() -> None:
    pins = pins_of("requirements-dev.txt")
    needs = [(library, Requirement(need)) for library in pins for need in requires(library) or ()]
    applying = [(library, need) for library, need in needs if not need.marker or need.marker.evaluate({"extra": ""})]

    assert len(applying) > 40
    unmet = [
        (library, str(need))
        for library, need in applying
        if not need.specifier.contains(pins.get(canonicalize_name(need.name), "0"), prereleases=True)
    ]
    assert unmet == [], "make lock"


def test_tests_run_on_the_very_versions_of_the_product() -> None:
    product, tools = (pins_of(lock) for lock in LOCKS)

    assert {library: tools.get(library) for library in product} == product


def test_the_browsers_files_are_pinned_with_their_hashes() -> None:
    package, lock = (json.loads((ROOT / file).read_text()) for file in ("package.json", "package-lock.json"))
    wanted = package["dependencies"] | package["devDependencies"]
    locked = {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}

    assert {library: entry["version"] for library, entry in locked.items() if library in wanted} == wanted
    for library, entry in locked.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", entry["integrity"]), library
