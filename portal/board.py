"""The Board: the wall page for staff."""

from flask import Blueprint
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.live import watch
from shared.queries import board
from shared.web import page, request_now

bp = Blueprint("board", __name__)


@bp.get("/board")
def show() -> Response:
    """Today and the next seven days, worst first, without patients' names."""
    person = viewer()
    shown = board(person.scope, person.time_zone, now=request_now())
    return page("board.html", board=shown, now=request_now(), watch=watch(shown.visits))
