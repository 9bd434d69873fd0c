"""Development only: stands where the meeting server would be."""

from flask import Blueprint, Response

from shared.web import page

bp = Blueprint("dev", __name__, url_prefix="/dev")


@bp.get("/room/<room>")
def show_room(room: str) -> Response:
    """The room that people would be in."""
    return page("dev_room.html", room=room)
