"""`make audit` against a service of known faults that the test plays: what it knows, and when it can't answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.audit import (
    FINE,
    FOUND,
    NO_ANSWER,
    ROOT,
    Answer,
    ask_about_browser_files,
    ask_about_python,
    read_pip_audit,
    verdict,
)

NOBODY = "http://127.0.0.1:9"
LIBRARIES = "click==8.5.1 \\\n    --hash=sha256:{0}\njinja2==3.1.6 \\\n    --hash=sha256:{0}\n".format("0" * 64)


@contextmanager
def service(answers: dict[str, Any]) -> Iterator[str]:
    """A web server that gives these answers to whatever is asked about the names in the question."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            name = json.loads(asked)["package"]["name"] if self.path == "/v1/query" else ""
            body = json.dumps(answers.get(name, {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(LIBRARIES)
    return file


def asking(address: str) -> tuple[str, str]:
    return "--vulnerability-service=osv", f"--osv-url={address}/v1/query"


def test_a_known_fault_of_a_library_is_named_and_outweighs_what_could_not_be_asked(requirements: Path) -> None:
    mended = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": []}]}
    fault = {"id": "OSV-2026-1", "summary": "A made-up fault", "affected": [mended]}
    with service({"jinja2": {"vulns": [fault]}}) as address:
        answer = ask_about_python(requirements, *asking(address))

    assert answer.lines == ("requirements.txt: KNOWN FAULT: jinja2 3.1.6, OSV-2026-1, mended in none",)
    assert verdict([answer]) == FOUND
    assert verdict([Answer("package-lock.json", unanswered=("x",)), answer]) == FOUND


def test_libraries_without_a_known_fault_are_good_news(requirements: Path) -> None:
    with service({}) as address:
        answer = ask_about_python(requirements, *asking(address))
        files = ask_about_browser_files(ROOT / "package-lock.json", f"--registry={address}")

    assert answer.lines == ("requirements.txt: no known fault.",)
    assert files.lines == ("package-lock.json: no known fault.",)
    assert verdict([answer, files]) == FINE


def test_a_service_that_cannot_be_reached_is_no_good_news(requirements: Path) -> None:
    answer = ask_about_python(requirements, *asking(NOBODY))
    files = ask_about_browser_files(ROOT / "package-lock.json", f"--registry={NOBODY}", "--fetch-retries=0")

    for found in (answer, files):
        assert not found.known
        assert "NO ANSWER" in found.lines[0]
        assert verdict([found]) == NO_ANSWER
        assert verdict([found, Answer("other")]) == NO_ANSWER


def test_a_library_that_the_service_does_not_know_is_no_good_news() -> None:
    skipped = {"dependencies": [{"name": "click", "skip_reason": "not found: click"}, {"name": "jinja2", "vulns": []}]}

    answer = read_pip_audit("requirements.txt", skipped, "")

    assert answer.lines == ("requirements.txt: NO ANSWER to 1 questions, the first: not found: click",)
    assert verdict([answer]) == NO_ANSWER
