"""How often a network may come with links that are none: Flask-Limiter, for both apps.

What is limited is the page for such a link, so a good link is never slowed, whatever neighbours do. Each process counts
in its own memory (docs/decisions/14): nobody can guess 256 bits, and a stranger's request must not write a row.
"""

from collections.abc import Callable

from flask import Response, request
from flask_limiter import Limiter, RequestLimit, RouteLimit

from shared.edge import note_refusal
from shared.rules import network_of
from shared.web import services

A_MINUTE = "100 per minute"
RETRY_AFTER_SECONDS = 60
"""The longest that it can take until a minute is over."""


def _network() -> str:
    """The client's network as a keyed hash: the limiter logs it."""
    return services().tokens.digest("wrong links", network_of(request.remote_addr))


limiter = Limiter(_network, storage_uri="memory://")


def limited(scope: str, too_many: Callable[[], Response]) -> RouteLimit:
    """Decorates what answers a wrong link: from a network that sends a flood of them, ``too_many`` answers (429)."""

    def breached(_limit: RequestLimit) -> Response:
        note_refusal("throttle")
        response = too_many()
        response.status_code = 429
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    return limiter.shared_limit(A_MINUTE, scope=scope, on_breach=breached)
