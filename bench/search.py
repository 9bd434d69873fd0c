"""How fast the schedule's search is with 100,000 visits of one clinic, on both databases: `make bench`.

Measured are whole answers of the portal: login, search, badges, page. Prints a table; ends with 1 over the bound.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from flask import Flask
from flask.testing import FlaskClient

from bench.clinic import NOW, PASSWORD, PROVIDERS, fill
from portal import create_portal
from shared import clock
from shared.db import db
from shared.settings import from_environ
from tests.databases import environ_for, migrate, running_postgres
from tests.web.checks import csrf_of

VISITS = 100_000
BOUND_MS = 200
ROUNDS = 25
SEARCH = "/schedule/search"
FAR = "999999999"
"""A page that no search has: the last one is shown, which is as far as one gets."""

WIDE = {"from": "2023-12-01", "to": "2027-01-31"}
WORST = WIDE | {"status": "not-accepted", "company": "3"}

ADDRESSES: dict[str, dict[str, str]] = {
    "number": {"number": "A-55555"},
    "provider": {"provider": "5"},
    "status Pending Request": {"status": "pending"},
    "status Accepted": {"status": "accepted"},
    "status Not Accepted": {"status": "not-accepted"},
    "status No interpreter asked": {"status": "none"},
    "status Cancelled": {"status": "cancelled"},
    "company asked": {"company": "3"},
    "company that accepted": {"company": "3", "status": "accepted"},
    "dates, three years": WIDE,
    "dates, one week": {"from": "2026-11-16", "to": "2026-11-22"},
    "dates, status, company": WORST,
    "all of them": WORST | {"provider": "5"},
}
PATIENTS: dict[str, dict[str, str]] = {
    "patient, one letter": {"patient": "a"},
    "patient, two words": {"patient": "garcia jose"},
    "patient, nobody": {"patient": "zzzz"},
    "patient, dates, status, company": WORST | {"patient": "a"},
}
MIDDLE = {"status Accepted": 20, "company asked": 20, "dates, three years": 20, "dates, status, company": 20}
"""Pages in the middle of the thousand visits that a search looks for."""
EARLIER = {"to": "2024-02-01"}
"""Where somebody is who has gone on to earlier visits for years."""


@dataclass(frozen=True)
class Measured:
    """One kind of request: what it took, in milliseconds."""

    database: str
    what: str
    times: tuple[float, ...]

    @property
    def p95(self) -> float:
        """All but one in twenty were at least this fast."""
        return quantiles(self.times, n=20, method="inclusive")[-1]


def main() -> None:
    """Measure and print; exit code 1 when a p95 is over the bound."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--visits", type=int, default=VISITS)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    asked = arguments.parse_args()
    print(f"{asked.visits:,} visits of one clinic, {PROVIDERS} providers, {asked.rounds} rounds; bound {BOUND_MS} ms\n")
    print(f"{'database':<11} {'what':<44} {'median':>8} {'p95':>8}")
    over = [measured for measured in _everything(asked.visits, asked.rounds) if _print(measured)]
    print(f"\n{len(over)} over the bound." if over else "\nAll within the bound.")
    sys.exit(1 if over else 0)


def _print(measured: Measured) -> bool:
    """A line of the table; whether it is over the bound."""
    over = measured.p95 > BOUND_MS
    numbers = f"{median(measured.times):>8.1f} {measured.p95:>8.1f}"
    print(f"{measured.database:<11} {measured.what:<44} {numbers}{'  OVER' if over else ''}", flush=True)
    return over


def _everything(visits: int, rounds: int) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="dispatch-bench-") as folder:
        yield from _on("sqlite", f"sqlite:///{folder}/bench.sqlite3", Path(folder), visits, rounds)
    with tempfile.TemporaryDirectory(prefix="dispatch-bench-") as folder, running_postgres() as url:
        yield from _on("postgresql", url, Path(folder), visits, rounds)


def _on(database: str, url: str, folder: Path, visits: int, rounds: int) -> Iterator[Measured]:
    """Everything that is measured on one database, each after one request that does not count."""
    migrate(url, folder)
    portal = create_portal(from_environ(environ_for(url, folder)))
    with ExitStack() as stack:
        stack.enter_context(clock.stopped_at(lambda: NOW))
        with portal.app_context():
            fill(visits=visits)
            stack.callback(db.engine.dispose)
        client = _logged_in(portal)
        for what, ask in _requests(client):
            times = [_timed(ask) for _ in range(rounds + 1)][1:]
            yield Measured(database, what, tuple(times))


def _requests(client: FlaskClient) -> Iterator[tuple[str, Callable[[], int]]]:
    for what, values in ADDRESSES.items():
        yield f"{what}, first page", partial(_get, client, values)
        yield f"{what}, last page", partial(_get, client, values | {"page": FAR})
    for what, page in MIDDLE.items():
        yield f"{what}, page {page}", partial(_get, client, ADDRESSES[what] | {"page": str(page)})
        yield f"{what}, years earlier", partial(_get, client, ADDRESSES[what] | EARLIER)
    token = csrf_of(client.get(SEARCH))
    for what, values in PATIENTS.items():
        sent = values | {"csrf_token": token}
        yield f"{what}, first page", partial(_post, client, sent)
        yield f"{what}, last page", partial(_post, client, sent | {"page": FAR})
    yield "details of a visit, with its history", partial(_get, client, {}, path="/visits/50000")


def _timed(ask: Callable[[], int]) -> float:
    began = perf_counter()
    status = ask()
    took = (perf_counter() - began) * 1000
    assert status in {200, 422}, status  # 422: a page that does not exist, the last one shown instead
    return took


def _get(client: FlaskClient, values: dict[str, str], path: str = SEARCH) -> int:
    return client.get(path, query_string=values).status_code


def _post(client: FlaskClient, values: dict[str, str]) -> int:
    return client.post(SEARCH, data=values).status_code


def _logged_in(portal: Flask) -> FlaskClient:
    client = portal.test_client()
    token = csrf_of(client.get("/login"))
    form = {"csrf_token": token, "email": "scheduler@bench.example", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 303
    return client


if __name__ == "__main__":
    main()
