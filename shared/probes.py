"""What orchestrators ask: /healthz, whether the process answers, and /readyz, whether it can do its work."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from flask import Blueprint, Flask, Response, abort, jsonify, request

from shared import clock
from shared.health import WEB_STOPS, Finding, State, look, unusable
from shared.jobs import job_list, sender_for
from shared.settings import Settings

PATIENCE_SECONDS = 2.0
"""How long the database may take. A probe that waits for longer is taken for a process that hangs."""

ALIVE = {"status": "alive"}


class Watcher:
    """Looks at the installation, in a thread of its own: a database that does not answer is told in time, and however
    often one asks, one look alone waits for it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._jobs = job_list(sender_for(app))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watcher")

    def findings(self) -> Sequence[Finding]:
        """What was found, at the latest when the patience ends."""
        looking = self._thread.submit(self._look)
        try:
            return looking.result(PATIENCE_SECONDS)
        except TimeoutError:
            looking.cancel()
            return (unusable("no answer in time"),)

    def _look(self) -> Sequence[Finding]:
        with self._app.app_context():
            return look(self._jobs, now=clock.utc_now())


def verdict(findings: Sequence[Finding], stops: frozenset[State]) -> tuple[int, Mapping[str, object]]:
    """The status code and what is told. ``stops``: what makes this kind of process unable to do its work."""
    states = {finding.state for finding in findings}
    unready = bool(states & stops)
    status = "unready" if unready else "ready" if states == {State.OK} else "degraded"
    now = clock.utc_now()
    return 503 if unready else 200, {"status": status, "findings": [_told(finding, now) for finding in findings]}


def _told(finding: Finding, now: datetime) -> Mapping[str, object]:
    """A finding without the driver's words, which may hold an address."""
    told: dict[str, object] = {"about": finding.about, "state": finding.state}
    if finding.job:
        told["job"] = finding.job
    if finding.since is not None:
        told["since"] = finding.since.astimezone(UTC).isoformat(timespec="seconds")
        told["age_seconds"] = round((now - finding.since).total_seconds())
    return told


def add_probes(app: Flask, settings: Settings) -> None:
    """Add both to an app. They need no login and touch no session; who comes through a proxy finds no such page."""
    bp, watcher = Blueprint("probes", __name__), Watcher(app)

    def from_nearby() -> None:
        if settings.proxy_count and "X-Forwarded-For" in request.headers:
            abort(404)

    @bp.get("/healthz")
    def healthz() -> Response:
        """Whether the process answers. No database."""
        from_nearby()
        return jsonify(ALIVE)

    @bp.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Whether pages can be shown; what else is not well is told and stops nothing."""
        from_nearby()
        code, told = verdict(watcher.findings(), WEB_STOPS)
        return jsonify(told), code

    app.register_blueprint(bp)
