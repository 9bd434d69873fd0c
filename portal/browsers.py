"""The portal's cookies: their names, and the one by which a browser is known as somebody's.

It holds whom somebody has logged in as here, sealed, so that strangers who guess at that person's password elsewhere
don't slow them here. It opens nothing.
"""

import hashlib
from datetime import timedelta

from flask import request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response

from shared.actions import KnownBrowser, Visitor
from shared.settings import Settings
from shared.web import request_now, services

KEPT_FOR = timedelta(days=180)
"""Since the last login in this browser, whoever's."""
AT_MOST = 10
"""Persons that one browser is known as: those who logged in last."""

PURPOSE = "known"
"""Told apart from a form's draft, which is sealed in the same way."""


class SessionCookie(SecureCookieSessionInterface):
    """Flask's cookie, signed by HMAC-SHA-256 instead of the SHA-1 of old."""

    digest_method = staticmethod(hashlib.sha256)


def cookie_name(settings: Settings, name: str) -> str:
    """A name that browsers take only from this very host, over HTTPS, for all of its paths; the plain one without
    HTTPS."""
    return f"__Host-{name}" if settings.secure_cookies else name


def visitor() -> Visitor:
    """Who sent this request."""
    return Visitor(request.remote_addr, _known())


def remember(response: Response, known: KnownBrowser) -> Response:
    """Let the browser be known as this person too."""
    others = [other for other in _known() if other.user_id != known.user_id]
    entries = [[entry.user_id, entry.nonce, entry.mark] for entry in [known, *others][:AT_MOST]]
    settings = services().settings
    response.set_cookie(
        cookie_name(settings, PURPOSE),
        services().tokens.seal([PURPOSE, entries], now=request_now()),
        max_age=KEPT_FOR,
        secure=settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return response


def forget_pages(response: Response) -> Response:
    """Let the browser drop the pages that it holds ready for its Back button. Not its cookies: those of displays and of
    other sites under this domain would go too. Nothing of ours is in its storage."""
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _known() -> tuple[KnownBrowser, ...]:
    token = request.cookies.get(cookie_name(services().settings, PURPOSE), "")
    value = services().tokens.unseal(token, max_age=KEPT_FOR, now=request_now()) if token else None
    if not isinstance(value, list) or value[0] != PURPOSE:
        return ()
    return tuple(KnownBrowser(*entry) for entry in value[1])
