"""The winner's way into the meeting: the lobby, its door, and the meeting server's question which room a PIN opens."""

import hmac
from typing import NoReturn

from flask import Blueprint, Response, abort, jsonify, redirect, request, send_from_directory, url_for
from werkzeug.wrappers import Response as BaseResponse

from shared.edge import note_refusal
from shared.meeting import Attendee
from shared.queries import ClosedLobby, Lobby, conference_of_pin, lobby
from shared.tokens import LinkKind
from shared.web import ROOT, error_page, is_fragment, page, request_now, services
from shared.wrong_links import limited
from vendor_portal.links import gone_page, read_link, wrong_link_page

bp = Blueprint("meet", __name__)


@bp.get("/meet/<token>")
def show(token: str) -> BaseResponse:
    """The lobby: what the meeting is, when, and the door, open from 15 minutes before to 30 minutes after."""
    found = _lobby(token)
    if not isinstance(found, Lobby):
        response = _gone(found)
        if is_fragment():  # an open lobby asks for its door only: let it load this page instead
            response.headers["HX-Refresh"] = "true"
        return response
    return page("lobby.html", fragment="_door.html", lobby=found, token=token, now=request_now())


@bp.get("/meet/<token>/join")
def join(token: str) -> BaseResponse:
    """Into the room while its door is open; otherwise back to the lobby, which says when."""
    found = _lobby(token)
    if not isinstance(found, Lobby):
        return _gone(found)
    visit = found.open_visit
    if visit is None:
        return redirect(url_for(".show", token=token), 303)
    attendee = Attendee(f"Interpreter, {found.responder} ({found.company_name})", is_moderator=False)
    room = services().meeting.room_url(
        found.room, attendee, starts_at=visit.offer.starts_at, ends_at=visit.offer.ends_at
    )
    return redirect(room, 303)


@bp.get("/conference-mapper")
def conference_mapper() -> Response:
    """Which conference a PIN opens, in the format of Jitsi's conference mapper. For the meeting server, by its secret.

    Answers 404 while no secret is set, 403 for a wrong one, and 429 for a flood of them.
    """
    settings = services().settings
    if settings.conference_mapper_secret is None:
        abort(404)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    if not hmac.compare_digest(given, settings.conference_mapper_secret.encode()):
        _refuse()
    pin = request.args.get("id", "")
    room = conference_of_pin(pin, now=request_now()) if pin.isascii() and pin.isdigit() and len(pin) <= 12 else None
    if room is None:
        return jsonify(message="No conference mapping was found", id=pin[:12], conference=False)
    conference = f"{room}@{settings.conference_domain}"
    return jsonify(message="Successfully retrieved conference mapping", id=int(pin), conference=conference)


@bp.get("/favicon.ico")
def favicon() -> Response:
    """Browsers ask for it unasked."""
    return send_from_directory(ROOT / "static", "favicon.svg")


def _gone(found: ClosedLobby | None) -> Response:
    return wrong_link_page() if found is None else gone_page(contact=found)


def _too_many() -> Response:
    return error_page(429, "Too many wrong secrets", "Wait a minute, then try again.")


@limited("wrong secrets", _too_many)
def _refuse() -> NoReturn:
    note_refusal("secret")
    abort(403)


def _lobby(token: str) -> Lobby | ClosedLobby | None:
    link = read_link(LinkKind.GUEST, token)
    return lobby(link, now=request_now()) if link else None
