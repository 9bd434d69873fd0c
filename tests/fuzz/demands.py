"""What every answer has to be, whatever was sent."""

import logging
from html.parser import HTMLParser

from werkzeug.test import TestResponse

from tests.fuzz.mutations import Shot
from tests.fuzz.payloads import ELSEWHERE, PROBE

LONGEST_SECONDS = 2.0

HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "",
}
"""Header → what it begins with."""

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
LEADING = frozenset({"href", "src", "action", "formaction", "hx-get", "hx-post"})


class Page(HTMLParser):
    """Reads a page for what somebody may have planted in it, and for what is wrong with its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.planted: list[str] = []
        self.shape: list[str] = []
        self._open: list[str] = []
        self._ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag with its attributes: all of our own making."""
        names = [name for name, _value in attrs]
        if PROBE in tag or any(PROBE in name for name in names):
            self.planted.append(f"markup of somebody's: <{tag} {attrs}>")
        if len(set(names)) < len(names):
            self.shape.append(f"an attribute twice: <{tag} {attrs}>")
        for name, value in attrs:
            begins = (value or "").strip().lower()
            if name in LEADING and (begins.startswith(("javascript:", "data:")) or ELSEWHERE in begins.split("?")[0]):
                self.planted.append(f"leads elsewhere: <{tag} {name}={value!r}>")
            if name == "id" and value in self._ids:
                self.shape.append(f"an id twice: {value}")
            if name == "id" and value:
                self._ids.add(value)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A shape in an icon, which closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Whatever closes was opened last."""
        if not self._open or self._open.pop() != tag:
            self.shape.append(f"</{tag}> closes nothing, at {self.getpos()}")

    def feed(self, data: str) -> None:
        """The whole page at once. What begins a tag or a comment somewhere is markup, whatever browsers make of it."""
        if f"<{PROBE}" in data:
            self.planted.append(f"markup of somebody's: {data[data.index(f'<{PROBE}') :][:80]}")
        super().feed(data)

    def close(self) -> None:
        """All that was opened is closed."""
        super().close()
        if self._open:
            self.shape.append(f"never closed: {self._open}")


class LogWatch(logging.Handler):
    """Keeps what is logged as an error, or with an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.levelno >= logging.ERROR or record.exc_info:
            self.records.append(record)

    def faults(self) -> list[str]:
        """What was kept, and nothing from here on."""
        found = [self.format(record) for record in self.records]
        self.records.clear()
        return found


def faults_of(shot: Shot, answer: TestResponse) -> list[str]:
    """What is wrong with an answer; nothing as a rule."""
    found = [f"status {answer.status_code}"] if answer.status_code >= 500 else []
    found += [f"header {name} is {answer.headers.get(name)!r}" for name in HEADERS if not _has(answer, name)]
    if answer.request.path[:8] != "/static/" and answer.headers.get("Cache-Control") != "no-store":
        found.append("may be kept by a browser")
    if shot.app == "vendor_portal" and "Set-Cookie" in answer.headers:
        found.append("sets a cookie")
    if ELSEWHERE in answer.headers.get("Location", "").split("?")[0]:
        found.append(f"leads elsewhere: {answer.headers['Location']}")
    return found + _faults_of_body(answer)


def _has(answer: TestResponse, name: str) -> bool:
    return name in answer.headers and answer.headers[name].startswith(HEADERS[name])


def _faults_of_body(answer: TestResponse) -> list[str]:
    text = answer.get_data(as_text=True)
    if answer.request.method == "HEAD" or answer.mimetype != "text/html" or not text:
        if answer.status_code >= 400 and answer.request.method != "HEAD" and answer.status_code != 401:
            return [f"an error without a page: {answer.status_code} {answer.mimetype}"]
        return [] if answer.mimetype != "text/html" or not text else ["a body for HEAD"]
    page = Page()
    page.feed(text)
    page.close()
    shape = [] if 300 <= answer.status_code < 400 else page.shape  # the framework's own, which browsers pass over
    traces = [f"shows {word}" for word in ("Traceback", "werkzeug", "sqlalchemy") if word in text]
    if answer.status_code >= 400 and 'rel="stylesheet"' not in text and 'id="form-notice"' not in text:
        traces.append("an error that is no page of ours")
    return page.planted + shape + traces
