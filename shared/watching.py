"""The small server on a port of its own: figures for Prometheus, and the probes of the jobs, which have no other."""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flask import Flask
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shared.figures import RowFigures
from shared.health import JOBS_STOP, About, Finding, State
from shared.probes import ALIVE, Watcher, verdict
from shared.sender import Sender
from shared.settings import Settings

log = logging.getLogger(__name__)

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which the workers of one web server add up their figures; gunicorn.conf.py makes it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers."""

    status: int
    content_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Answer]]


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with the page of that path, and keeps a log of nothing."""

    timeout = 5.0  # for whoever connects and says nothing
    server: "_Server"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        answer = page() if page else Answer(404, "text/plain", b"")
        self.send_response(answer.status)
        for name, value in (("Content-Type", answer.content_type), ("Cache-Control", "no-store")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        """No versions."""
        return "dispatch"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Drop the line."""


class _Server(ThreadingHTTPServer):
    """A thread for each request; none of them keeps the process from ending."""

    allow_reuse_port = True  # the workers of one web server share it: each tells the sum of all

    def __init__(self, address: str, port: int, pages: Pages) -> None:
        self.pages = pages
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's names
        """Where the library would print the caller's address."""
        log.warning("A page of the small server failed", exc_info=True)  # noqa: LOG014 - called while it is handled


def serve(pages: Pages, address: str, port: int) -> Callable[[], None]:
    """Answer from a thread of this process. Gives what ends it. Raises OSError if the port is another's."""
    server = _Server(address, port, pages)
    threading.Thread(target=server.serve_forever, name="small-server", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop


def watch_web(app: Flask, settings: Settings) -> None:
    """Tell the figures of a web server's workers, if there is a port for them."""
    port = settings.portal_metrics_port if app.name == "portal" else settings.vendor_metrics_port
    if port:
        serve({"/metrics": web_figures}, settings.metrics_address, port)


def watch_jobs(app: Flask, sender: Sender, settings: Settings) -> None:
    """Tell the figures of the jobs and of the rows, and answer probes, if there is a port for them."""
    if settings.jobs_port:
        serve(jobs_pages(app, sender), settings.metrics_address, settings.jobs_port)


def web_figures() -> Answer:
    """What all workers have counted; of a process that is alone, what it has."""
    if MULTIPROCESS not in os.environ:
        return _figures(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return _figures(registry)


def jobs_pages(app: Flask, sender: Sender) -> Pages:
    """The pages of the jobs."""
    rows, watcher = CollectorRegistry(), Watcher(app)
    rows.register(RowFigures(app))

    def readyz() -> Answer:
        mail_server = Finding(About.MAIL_SERVER, State.PAUSED if sender.waits else State.OK)
        code, told = verdict([*watcher.findings(), mail_server], JOBS_STOP)
        return _json(code, told)

    return {
        "/healthz": lambda: _json(200, ALIVE),
        "/readyz": readyz,
        "/metrics": lambda: _figures(REGISTRY, rows),
    }


def _json(code: int, told: Mapping[str, object]) -> Answer:
    return Answer(code, "application/json", json.dumps(told).encode())


def _figures(*registries: CollectorRegistry) -> Answer:
    return Answer(200, CONTENT_TYPE_LATEST, b"".join(generate_latest(registry) for registry in registries))
