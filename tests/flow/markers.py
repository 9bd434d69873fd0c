"""Marked words and secrets, and everything that leaves the product, to be searched for them."""

import base64
import binascii
import html
import logging
import quopri
import re
import zlib
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from typing import Any
from urllib.parse import unquote_plus

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine
from werkzeug.test import Client, TestResponse

_RUN = re.compile(r"\.?[A-Za-z0-9_+/-]{16,}")
"""What base64 looks like, that for addresses too; a dot before it says that it is compressed."""


_READ = URLSafeTimedSerializer("a key that nobody has")
_IN_COOKIES = {"_user_id": "session token", "csrf_token": "CSRF token"}


@dataclass(slots=True)
class Watch:
    """Marked words with their kind and owners, and what left the product: (place, for whom, text).

    Owners and readers are mail addresses, clinics, servers. Places are words; one that no table knows is a leak.
    """

    markers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    seen: list[tuple[str, frozenset[str], str]] = field(default_factory=list)

    def mark(self, kind: str, value: str, *owners: str) -> str:
        """Something to search for from here on, and in what was seen before."""
        assert len(value) >= 6, f"{value} is too short to be searched for"
        self.markers.setdefault((kind, value.lower()), set()).update(owners)
        return value

    def note(self, place: str, text: str, *readers: str) -> None:
        """Something was written, sent or shown there, to these readers."""
        self.seen.append((place, frozenset(readers), text))

    def forget(self) -> None:
        """Search anew: what was seen up to now does not count."""
        self.seen.clear()

    def places(self) -> dict[str, set[str]]:
        """Where each kind of marker was found; what has an owner, by whom."""
        found: dict[str, set[str]] = {kind: set() for kind, _value in self.markers}
        for place, readers, said in self.seen:
            folded = "\n".join(unfolded(said)).lower()
            for (kind, value), owners in self.markers.items():
                if value in folded:
                    found[kind].add(_whose(owners, readers) + place)
        return found


def _whose(owners: Set[str], readers: Set[str]) -> str:
    """Nothing where nobody reads, or for what is nobody's own."""
    return "" if not (owners and readers) else "own " if owners & readers else "another's "


def unfolded(text: str) -> Iterator[str]:
    """The text, and what stands in it in another spelling: of HTML, addresses, mails, signed and packed values."""
    yield text
    yield html.unescape(text)
    yield unquote_plus(text)
    yield quopri.decodestring(text.encode()).decode("utf-8", "replace")
    for run in _RUN.findall(text):
        plain = run.lstrip(".").replace("+", "-").replace("/", "_")
        try:
            packed = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
            yield (zlib.decompress(packed) if run.startswith(".") else packed).decode("utf-8", "ignore")
        except (binascii.Error, ValueError, zlib.error):
            continue


class Browser:
    """Somebody's browser: everything that comes to it is noted, and so is every address that it asks for.

    ``app`` is the site; ``place`` says whose pages these are; ``readers`` are who sees them, the person last.
    """

    def __init__(self, watch: Watch, client: Client, app: str, place: str, *readers: str) -> None:
        self.watch, self.client, self.app, self.place, self.readers = watch, client, app, place, readers

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open an address."""
        return self.open(path, method="GET", **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        """Send a form."""
        return self.open(path, method="POST", **more)

    def open(self, path: str, *, follow_redirects: bool = False, **more: Any) -> TestResponse:
        """One request, and those that it leads to on the same site."""
        answer = self.client.open(path, buffered=True, **more)
        self._note(answer)
        while follow_redirects and answer.location and answer.location.startswith("/"):
            return self.open(answer.location, method="GET", follow_redirects=True)
        return answer

    def _note(self, answer: TestResponse) -> None:
        """The address, each header and the body; no page may be kept, or tell the next site where one came from.

        What the session's cookie holds is marked: it opens everything, and is half of every form's token.
        """
        held = self.client.get_cookie("session")
        if held and held.value:
            _known, session = _READ.loads_unsafe(held.value)
            for name in _IN_COOKIES.keys() & session.keys():
                self.watch.mark(_IN_COOKIES[name], session[name], self.readers[-1])
        asked = answer.request
        self.watch.note(f"address of the {self.app}", f"{asked.path}?{asked.query_string.decode()}", *self.readers)
        for name, value in answer.headers.items():
            self.watch.note(self._header(name, value), f"{name}: {value}", *self.readers)
        self.watch.note(self._body(answer), answer.text, *self.readers)
        assert answer.headers["Referrer-Policy"] == "no-referrer", asked.path
        assert asked.path.startswith("/static/") or answer.headers["Cache-Control"] == "no-store", asked.path

    def _header(self, name: str, value: str) -> str:
        if name == "Set-Cookie":
            return f"cookie of the {self.app}"
        if name == "Location":
            return f"address of the {self.app}" if value.startswith("/") else "way into the meeting"
        return f"header of the {self.app}"

    def _body(self, answer: TestResponse) -> str:
        files = {"text/csv": "trail as a file", "application/json": "patient's data as a file"}
        return files.get(str(answer.mimetype), self.place) if self.app == "portal" else self.place


class LogTap(logging.Handler):
    """Notes every record as a formatter could write it: its words, its traceback, and whatever was put beside them."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.NOTSET)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """Note the record."""
        self._watch.note("log", f"{self.format(record)}\n{record.__dict__!r}")


@contextmanager
def tapped_logs(watch: Watch) -> Iterator[None]:
    """Note all that any logger writes, at whatever level. SQLAlchemy keeps its own level: lower ones write rows, and no
    setting of the product asks for them. The test's own mail server is not the product."""
    root, tap = logging.getLogger(), LogTap(watch)
    quiet = {name: logging.getLogger(name) for name in ("sqlalchemy", "mail", "asyncio")}
    before = root.level, {name: logger.level for name, logger in quiet.items()}
    root.setLevel(logging.DEBUG)
    for logger in quiet.values():
        logger.setLevel(logging.WARNING)
    root.addHandler(tap)
    try:
        yield
    finally:
        root.removeHandler(tap)
        root.setLevel(before[0])
        for name, logger in quiet.items():
            logger.setLevel(before[1][name])


def note_database(watch: Watch, engine: Engine) -> None:
    """Every value of every column of every table that there is, known to the product or not."""
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).mappings().all()
            for column in rows[0] if rows else ():
                watch.note(f"database {table}.{column}", "\n".join(str(row[column]) for row in rows))


def note_mails(watch: Watch, received: list[EmailMessage], clinics: dict[str, str]) -> None:
    """Every mail as its reader sees it, headers and attachments too. ``clinics``: their names by their mail domain."""
    for message in received:
        to = str(message["To"])
        clinic = clinics.get(to.partition("@")[2])
        said = [f"{name}: {value}" for name, value in message.items()]
        said += [_content(part) for part in message.walk() if not part.is_multipart()]
        watch.note("mail to the clinic" if clinic else "mail to a company", "\n".join(said), to, clinic or to)


def _content(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode("utf-8", "replace")
