"""The Board on a screen without a login: its link leaves a cookie there, and the cookie opens the Board alone.

The code stands behind the # of the link, which browsers send to nobody: it gets into no log, and static/display.js
takes it out of the address bar.
"""

from datetime import timedelta

from flask import Blueprint, redirect, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired

from portal.admission import display, display_cookie
from portal.fields import at_most, clean_text, plain_text
from portal.live import poll_answer, watch
from shared import queries
from shared.edge import note_refusal
from shared.tokens import read_typed_code
from shared.web import is_fragment, page, request_now, services

bp = Blueprint("display", __name__, url_prefix="/display")

KEPT_FOR = timedelta(days=400)
"""Longer no browser keeps a cookie; a screen that is on gets it anew with every page."""

UNKNOWN = "No display has this code, or it was switched off. Check it, or ask an administrator for a new link."


class DisplayForm(FlaskForm):
    """A display's code: filled in from its link, or typed."""

    code = StringField(
        "Code", filters=[clean_text], validators=[InputRequired("Type the display's code."), at_most(80), plain_text]
    )


@bp.get("")
def enter() -> Response:
    """Where a display's link leads. Opening it does nothing: its form does, by itself where scripts run."""
    return page("display/enter.html", form=DisplayForm(formdata=None))


@bp.post("")
def open_board() -> Response:
    """Let this screen show the Board from here on."""
    form = DisplayForm()
    if form.validate():
        code = read_typed_code(form.code.data or "")
        if queries.display_of(code) is not None:
            return _with_cookie(redirect(url_for(".board"), 303), code)
        note_refusal("display")
        form.code.errors = [UNKNOWN]
    return page("display/enter.html", status=422, form=form)


@bp.get("/board")
def board() -> Response:
    """Today and the next seven days, as on the Board, without a way to anything else."""
    screen = display()
    shown = queries.board(screen.scope, screen.time_zone, now=request_now())
    watched = watch(shown.visits, endpoint="display.poll")
    answer = page("display/board.html", board=shown, screen=screen, now=request_now(), watch=watched)
    return _with_cookie(answer, request.cookies[display_cookie()])


@bp.get("/badges")
def poll() -> Response:
    """The badges that changed since the screen saw them."""
    if not is_fragment():
        return redirect(url_for(".board"), 303)
    return poll_answer(display().scope, endpoint="display.poll")


@bp.after_request
def try_again(answer: Response) -> Response:
    """On a screen nobody may be there to press the button of a page that says "not for a moment"."""
    if answer.status_code >= 500:
        answer.headers["Refresh"] = "30"
    return answer


def _with_cookie(answer: Response, code: str) -> Response:
    """Leave the code on this screen: for these pages alone, out of reach of scripts."""
    answer.set_cookie(
        display_cookie(),
        code,
        max_age=KEPT_FOR,
        path=url_for(".enter"),
        secure=services().settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return answer
