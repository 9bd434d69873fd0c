"""The Dashboard and the schedule."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.dates import date_of
from portal.live import watch
from shared import times
from shared.queries import day_page, today_page, week_page
from shared.web import page, request_now

bp = Blueprint("schedule", __name__)


@bp.get("/")
def dashboard() -> Response:
    """Today's schedule, and what needs somebody in the coming week."""
    person = viewer()
    today = today_page(person.scope, person.time_zone, now=request_now())
    return page("schedule/today.html", today=today, now=request_now(), watch=watch([*today.visits, *today.attention]))


@bp.get("/schedule")
def calendar() -> Response:
    """A day or a week; an unreadable date shows today and says so."""
    person, now = viewer(), request_now()
    wanted = request.args.get("date", "")
    found = date_of(wanted)
    day = found or times.day_of(now, person.time_zone)
    status, problem = (
        (422, "That is not a date the schedule knows. This is today.") if wanted and not found else (200, "")
    )
    if request.args.get("view") == "week":
        week = week_page(person.scope, day, person.time_zone, now=now)
        cards = [card for cards in week.days for card in cards]
        return page("schedule/week.html", status=status, shown=week, now=now, problem=problem, watch=watch(cards))
    shown = day_page(person.scope, day, person.time_zone, now=now)
    return page("schedule/day.html", status=status, shown=shown, now=now, problem=problem, watch=watch(shown.visits))
