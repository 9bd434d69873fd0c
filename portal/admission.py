"""How a display gets in: by a cookie of its own, which opens the Board and nothing else."""

from datetime import timedelta

from flask import g, request
from werkzeug.wrappers import Response

from shared.actions import touch_display
from shared.edge import note_refusal
from shared.queries import DisplayViewer, display_of
from shared.web import page, request_now, services

TOUCH_EVERY = timedelta(minutes=1)


def display_cookie() -> str:
    """A name that browsers take over HTTPS only; the plain one without HTTPS. The path is not all of them, so that no
    other page is sent the code."""
    return "__Secure-display" if services().settings.secure_cookies else "display"


def display() -> DisplayViewer:
    """The display that asks; only for views behind the guard."""
    found: DisplayViewer = g.display
    return found


def admit_display() -> Response | None:
    """Let a display in and note that it is in use; nothing idles here. Whoever holds none is told that it is switched
    off, and a screen that asked by itself loads that page."""
    code = request.cookies.get(display_cookie(), "")
    found = display_of(code) if code else None
    if found is None:
        note_refusal("display")
        answer = page("display/off.html", status=410, had_code=bool(code))
        answer.headers["HX-Refresh"] = "true"
        return answer
    if found.last_seen_at is None or abs(request_now() - found.last_seen_at) > TOUCH_EVERY:
        touch_display(found.id, now=request_now())
        g.pop("has_committed")  # as with a login: it is nothing of what was asked for
    g.display = found
    return None
