"""Right requests made wrong, alone or in sequence, on both databases: 1,000 in `make test`, 20,000 in `make soak`.

A reply's own time is the processor's time of the thread that answers: other programs don't lengthen it. What waits and
does not work (for PostgreSQL, say) shows in the time on the wall, which a busy machine lengthens as well: a reply that
takes too long by that is asked for again, and the quickest of five counts.
"""

import logging
import os
import secrets
import time as stopwatch
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from portal import passwords
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.fuzz.demands import LONGEST_SECONDS, LogWatch, faults_of
from tests.fuzz.ground import Ground, Right, fuzz_ground
from tests.fuzz.mutations import LONGEST_QUERY, Shot, aimed, encoded, in_parts, shots
from tests.fuzz.payloads import ELSEWHERE, PROBE
from tests.web.routes import PORTAL, VENDOR
from tests.world import build_world

AGAIN = 4
"""How often a slow reply is asked for once more."""


@dataclass
class Tally:
    """What a run came to."""

    requests: int = 0
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    reached: set[tuple[str, str]] = field(default_factory=set)

    def line(self, where: str) -> str:
        """One line for whoever waits."""
        kinds = ", ".join(f"{times} × {status}" for status, times in sorted(self.statuses.items()))
        return f"fuzz {where}: {self.requests:,} requests, slowest {self.slowest:.2f} s, {kinds}"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to "forgot" take no longer than they need."""
    monkeypatch.setattr(passwords, "EVEN_SECONDS", 0.0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Two clinics on either database, put back before each sequence."""
    name = "sqlite_template" if request.param == "sqlite" else "postgres_template"
    template: SqliteTemplate | PostgresTemplate = request.getfixturevalue(name)
    with template.database() as url, build_world(url) as world, fuzz_ground(world, url) as found:
        yield found


@contextmanager
def watched_log() -> Iterator[LogWatch]:
    """All that is logged as an error meanwhile."""
    watch, root = LogWatch(), logging.getLogger()
    root.addHandler(watch)
    try:
        yield watch
    finally:
        root.removeHandler(watch)


def fuzz(ground: Ground, *, examples: int, seeded: int = 0) -> Tally:
    """Send so many sequences of one to three requests, each endpoint's turn coming up: forms oftener than pages. The
    same sequences for the same seed."""
    tally, by_endpoint = Tally(), defaultdict(list)
    for right in ground.right:
        by_endpoint[right.app, right.endpoint].append(right)
    shares = {name: 1 + 2 * any(right.body or right.query for right in found) for name, found in by_endpoint.items()}
    for number, (name, found) in enumerate(sorted(by_endpoint.items())):
        turn = ceil(examples * shares[name] / sum(shares.values()))
        _take_turn(ground, tally, found, examples=turn, seeded=seeded * len(by_endpoint) + number)
    return tally


def _take_turn(ground: Ground, tally: Tally, right: list[Right], *, examples: int, seeded: int) -> None:
    """Sequences that begin with one of these requests and go on with any."""

    @seed(seeded)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(shots(right), st.lists(shots(ground.right), max_size=2))
    def run(first: Shot, more: list[Shot]) -> None:
        ground.renew()
        with watched_log() as log:
            for shot in (first, *more):
                note(f"{shot}")
                fire(ground, shot, tally, log)

    run()


def fire(ground: Ground, shot: Shot, tally: Tally, log: LogWatch) -> None:
    """Send a request, and follow where it leads, if it is to; each answer is what it has to be."""
    client = ground.client(shot.app)
    answer = timed(client, shot, tally)
    tally.reached.add((shot.app, shot.endpoint))
    faults = faults_of(shot, answer) + log.faults()
    assert not faults, faults
    if shot.follow and answer.location and urlsplit(answer.location).netloc in {"", "portal.test", "vendor.test"}:
        shown = client.get(urlsplit(answer.location).path, headers={"Cookie": shot.cookie}, buffered=True)
        faults = faults_of(shot, shown) + log.faults()
        assert not faults, ["after a redirect", *faults]


def timed(client: FlaskClient, shot: Shot, tally: Tally) -> TestResponse:
    """Send a request and measure the reply; a slow one once more, and again."""
    found, fastest = None, float("inf")
    for _attempt in range(1 + AGAIN):
        began, worked = stopwatch.perf_counter(), stopwatch.thread_time()
        answer = send(client, shot)
        spent = stopwatch.thread_time() - worked
        assert spent <= LONGEST_SECONDS, f"a reply took {spent:.1f} s of the processor's time"
        found, fastest = found or answer, min(fastest, stopwatch.perf_counter() - began)
        if fastest <= LONGEST_SECONDS:
            break
    assert found is not None
    assert fastest <= LONGEST_SECONDS, f"a reply took {fastest:.1f} s"
    tally.requests, tally.slowest = tally.requests + 1, max(tally.slowest, spent)
    tally.statuses[found.status_code] += 1
    return found


def send(client: FlaskClient, shot: Shot) -> TestResponse:
    """The request as it arrives from a web server, byte by byte."""
    headers = [("Cookie", shot.cookie)] if shot.cookie else []
    return client.open(
        "/",
        method=shot.method,
        data=shot.content,
        content_type=shot.kind,
        headers=[*headers, *shot.headers],
        environ_overrides={
            "PATH_INFO": shot.path.decode("latin-1"),
            "QUERY_STRING": encoded(shot.query)[:LONGEST_QUERY].decode("latin-1"),
        },
        buffered=True,
    )


MARKUP = f"//{ELSEWHERE}/'\"><{PROBE} a=1>"
"""Breaks out of an attribute, and leads elsewhere."""

SIGNS = b"a\0\xed\xa0\x80\xe2\x80\xa8\xe2\x80\xae"
"""A NUL, half a character, a line's end of another kind, and writing from right to left."""

ACCENTS = "q" + "\u0315\u0300" * 50_000
"""What takes long to spell."""


def test_each_field_of_each_form_alone_can_hold_anything(ground: Ground) -> None:
    tally, names = Tally(), set()
    with watched_log() as log:
        for shot, at in each_field(ground):
            wrong = [with_value(shot, at, SIGNS)]
            wrong += [with_value(shot, at, MARKUP)] if ground.is_sqlite else []
            if shot.pairs[at][0] not in names and ground.is_sqlite:
                wrong += [with_value(shot, at, ACCENTS), in_parts(shot, file=at)]
                names.add(shot.pairs[at][0])
            for each in wrong:
                ground.renew()
                fire(ground, each, tally, log)
    assert tally.requests >= (600 if ground.is_sqlite else 250), tally.requests


def each_field(ground: Ground) -> Iterator[tuple[Shot, int]]:
    """Each field of each form once, whoever sends it: the form, and where in it the field stands."""
    seen = set()
    for shot in map(aimed, ground.right):
        for at, (name, _value) in enumerate(shot.pairs):
            if (shot.endpoint, name) not in seen:
                seen.add((shot.endpoint, name))
                yield shot, at


def with_value(shot: Shot, at: int, value: str | bytes) -> Shot:
    """The form with another value in one place, in parts: so all bytes arrive as they are."""
    wrong = shot.having([*shot.pairs[:at], (shot.pairs[at][0], value), *shot.pairs[at + 1 :]])
    return in_parts(wrong) if wrong.body else wrong


def test_a_hundred_sequences_find_every_page_in_order(ground: Ground) -> None:
    tally = fuzz(ground, examples=140)

    assert tally.requests >= 200
    every = {("portal", endpoint) for endpoint in PORTAL} | {("vendor_portal", endpoint) for endpoint in VENDOR}
    assert every - tally.reached == set()
    assert {200, 303, 400, 404, 405, 422} <= tally.statuses.keys(), tally.line("")


@pytest.mark.soak
@pytest.mark.alone
def test_ten_thousand_requests_in_sequences_find_every_page_in_order(
    ground: Ground, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    seeded = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(10**9))
    where = "on SQLite" if ground.is_sqlite else "on PostgreSQL"
    with capsys.disabled():
        print(f"\nfuzz {where}: FUZZ_SEED={seeded} sends the same again", flush=True)  # noqa: T201
        tally = fuzz(ground, examples=6_000, seeded=seeded)
        print(tally.line(where), flush=True)  # noqa: T201
    record_property("figure", f"{tally.requests:,} requests")

    assert tally.requests >= 10_000
