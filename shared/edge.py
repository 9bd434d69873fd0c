"""What stands between the network and the views: proxies, host names, headers, and one log line for each request."""

import logging
import re
import secrets
from functools import cache
from time import perf_counter
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from shared import metrics
from shared.settings import Settings

log = logging.getLogger(__name__)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing inline, nothing from elsewhere; data: is for the icons inside Pico's stylesheet.
Objects are ruled out by default-src already; OWASP ASVS 3.4.3 wants it said."""

HSTS = "max-age=31536000; includeSubDomains"

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "fullscreen", "geolocation", "gyroscope", "hid",
        "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial",
        "usb", "xr-spatial-tracking",
    )
)  # fmt: skip
"""Our pages use nothing of the device. The meeting, which does, is a page of another server."""

PROBES = frozenset({"probes.healthz", "probes.readyz"})
"""Asked from nearby, by address; they answer nothing that depends on the host's name."""

LOOPBACK = ("127.0.0.1", "localhost")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_ID = re.compile(r"[0-9A-Fa-f-]{16,64}")
"""Hexadecimal: what proxies make. Nothing else that a caller might write comes into the log."""


def prepare(app: Flask, settings: Settings, own_url: str) -> None:
    """Set up everything below for an app whose pages have addresses that begin with ``own_url``."""
    hosts = [urlsplit(own_url).hostname or "", *settings.trusted_hosts, *(LOOPBACK if settings.development else ())]
    secure = own_url.lower().startswith("https:")
    if settings.proxy_count:
        count = settings.proxy_count
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    app.url_map.merge_slashes = False  # it would redirect to an address made of the Host header

    @app.before_request
    def begin() -> None:
        if not settings.proxy_count and "X-Forwarded-For" in request.headers:
            _tell_of_proxy()
        g.began = perf_counter()
        g.http_request_id = _request_id(behind_proxy=settings.proxy_count > 0)

    @app.before_request
    def check_host() -> None:
        if request.endpoint not in PROBES and not host_is_trusted(request.host.lower(), hosts):
            note_refusal("host")
            abort(400)

    @app.after_request
    def end(response: Response) -> Response:
        _harden(response, secure=secure)
        _tell(response)
        return response


def note_refusal(control: str) -> None:
    """Let this request's log line say which control refused it, where the answer's status can't tell. From where it
    came stands in the web server's own log, under the same request id."""
    g.refused = control


@cache
def _tell_of_proxy() -> None:
    """Once: it may be a caller's joke, but more likely every caller has the same address here."""
    log.warning("Requests come through a proxy, but PROXY_COUNT is 0: its word about who asks is not taken")


def _request_id(*, behind_proxy: bool) -> str:
    """The proxy's id of this request, if there is a proxy and it gave one, or else one of our own."""
    given = request.headers.get("X-Request-ID", "") if behind_proxy else ""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _harden(response: Response, *, secure: bool) -> None:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = PERMISSIONS
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    framed = "frame-ancestors 'none'" not in headers["Content-Security-Policy"]
    headers["X-Frame-Options"] = "SAMEORIGIN" if framed else "DENY"
    headers["X-Request-ID"] = g.http_request_id
    if secure:
        headers["Strict-Transport-Security"] = HSTS
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"


def _tell(response: Response) -> None:
    """One log line and one count. The endpoint stands for the path, which may be a secret link."""
    seconds = perf_counter() - g.began
    app, endpoint = current_app.name, request.endpoint or "none"
    method = request.method if request.method in METHODS else "other"
    metrics.HTTP_REQUESTS.labels(app, endpoint, method, response.status_code).inc()
    metrics.HTTP_SECONDS.labels(app, endpoint, method).observe(seconds)
    ids: dict[str, int | str] = {
        name: value for name, value in (request.view_args or {}).items() if isinstance(value, int)
    }
    if "user_id" in ids:
        ids["about_user_id"] = ids.pop("user_id")  # user_id is who asks
    if "refused" in g:
        ids["refused"] = g.refused
    told = {"method": method, "status": response.status_code, "duration_ms": round(seconds * 1000, 1)}
    log.info("HTTP request", extra=told | ids)
