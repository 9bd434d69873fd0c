"""A filled-in form that meets a lost login: sealed into the login page, opened for the same user only.

Nothing is stored on the server; what is in the page can be read by nobody, not even on a shared computer.
"""

from dataclasses import dataclass
from datetime import timedelta

from flask import Response, request
from werkzeug.datastructures import MultiDict

from portal.login_form import LoginForm
from shared.web import page, request_now, services

KEPT_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Draft:
    """A filled-in form: its values, and the path that it was sent to."""

    path: str
    values: MultiDict[str, str]


def author_token(user_id: int) -> str:
    """Goes with every form that is kept: its author is known even when the browser has lost the login's cookie."""
    return services().tokens.sign("author", user_id)


def posted_author() -> int | None:
    """Who filled in the form that was posted; None for a form that is not ours."""
    author = services().tokens.unsign("author", request.form.get("author", ""))
    return author if isinstance(author, int) else None


def lost_login_page() -> Response:
    """The login page, with the posted form sealed in it when its author is known."""
    author = posted_author()
    draft = ""
    if author is not None:
        pairs = [
            [name, value] for name, value in request.form.items(multi=True) if name not in {"csrf_token", "author"}
        ]
        draft = services().tokens.seal([author, pairs, request.path], now=request_now())
    return page("login.html", status=401, form=LoginForm(formdata=None), draft=draft, next="", problem="")


def open_draft(token: str, user_id: int) -> Draft | None:
    """The sealed form, if it is this user's and not older than twelve hours. What else is sealed for them is none."""
    match services().tokens.unseal(token, max_age=KEPT_FOR, now=request_now()) if token else None:
        case [author, list(pairs), str(path)] if author == user_id:
            return Draft(path, MultiDict((str(name), str(text)) for name, text in pairs))
    return None
