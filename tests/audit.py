"""Asks whether the libraries of the lock files have known faults: `make audit`.

It needs the services that know such faults. One that can't be reached, or that does not know a library, is no good
news: it ends with a code of its own, since `pip-audit` by itself calls that "No known vulnerabilities found".
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FINE, FOUND, NO_ANSWER = 0, 1, 3
"""How the command ends. `make` itself always ends with 2 when a command fails, and prints this code."""

ROOT = Path(__file__).parents[1]
PIP_AUDIT = (
    str(Path(sys.executable).with_name("pip-audit")),
    "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json",
)  # fmt: skip
NPM_AUDIT = ("npm", "audit", "--json", "--package-lock-only")
PATIENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking about one lock file: a line for each known fault, and for each question without an answer."""

    lock_file: str
    known: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print."""
        if not self.known and not self.unanswered:
            return (f"{self.lock_file}: no known fault.",)
        found = [f"{self.lock_file}: KNOWN FAULT: {line}" for line in self.known]
        if self.unanswered:
            found.append(
                f"{self.lock_file}: NO ANSWER to {len(self.unanswered)} questions, the first: {self.unanswered[0]}"
            )
        return tuple(found)


def ask_about_python(requirements: Path, *options: str) -> Answer:
    """Ask about every pinned library; nothing is resolved or installed for it."""
    return read_pip_audit(requirements.name, *_ask([*PIP_AUDIT, *options, f"--requirement={requirements}"]))


def read_pip_audit(lock_file: str, told: dict[str, Any], complaint: str) -> Answer:
    """What pip-audit's JSON says: a library that it skipped was not asked about."""
    libraries = told.get("dependencies")
    if not libraries:
        return Answer(lock_file, unanswered=(complaint,))
    known = (
        f"{library['name']} {library['version']}, {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for library in libraries
        for fault in library.get("vulns", ())
    )
    skipped = tuple(library["skip_reason"] for library in libraries if "skip_reason" in library)
    return Answer(lock_file, tuple(known), skipped)


def ask_about_browser_files(lock_file: Path, *options: str) -> Answer:
    """Ask npm's registry about the packages of its lock file."""
    told, complaint = _ask([*NPM_AUDIT, *options], folder=lock_file.parent)
    if "vulnerabilities" not in told:
        return Answer(lock_file.name, unanswered=(told.get("message") or complaint,))
    faults = told["vulnerabilities"].items()
    return Answer(lock_file.name, tuple(f"{name} {fault['range']}, {fault['severity']}" for name, fault in faults))


def verdict(answers: Sequence[Answer]) -> int:
    """A known fault outweighs a question without an answer, and that outweighs good news."""
    if any(answer.known for answer in answers):
        return FOUND
    return NO_ANSWER if any(answer.unanswered for answer in answers) else FINE


def main() -> int:
    """Ask about both kinds of libraries and say what is known."""
    answers = (ask_about_python(ROOT / "requirements.txt"), ask_about_browser_files(ROOT / "package-lock.json"))
    for line in (line for answer in answers for line in answer.lines):
        print(line)
    if any(answer.unanswered for answer in answers):
        print("The service of known faults can't be reached from here, or does not know these. That is no good news.")
    return verdict(answers)


def _ask(command: Sequence[str], *, folder: Path = ROOT) -> tuple[dict[str, Any], str]:
    """What a command answered as JSON, empty if it could not; and the last line of its complaint."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        told = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"{Path(command[0]).name}: {type(error).__name__}"
    except json.JSONDecodeError:
        return {}, (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return told if isinstance(told, dict) else {}, "its answer can't be read"


if __name__ == "__main__":
    sys.exit(main())
