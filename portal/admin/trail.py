"""The clinic's audit trail: read by period, and taken along as a file."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Blueprint, request, stream_with_context
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.admin.trail_csv import csv_of
from portal.dates import EARLIEST
from portal.paging import page_number, page_problem
from portal.period import PeriodForm
from shared import times
from shared.actions import note_trail_export
from shared.queries import TrailFacts, TrailPage, trail_of_period, trail_of_visit, trail_page
from shared.web import page, request_now

bp = Blueprint("trail", __name__, url_prefix="/admin/trail")

DAYS_AT_FIRST = 7


@bp.get("")
def index() -> Response:
    """A period of the trail, the last seven days at first."""
    form = PeriodForm(formdata=request.args, meta={"csrf": False})
    if not form.validate():
        return _page(form, None, status=422)
    begins, ends = _bounds(form)
    asked = request.args.get("page", "")
    shown = trail_page(viewer().scope, begins, ends, page_number(asked))
    problem = page_problem(asked, shown.place)
    return _page(form, shown, status=422 if problem else 200, problem=problem)


@bp.post("/csv")
def download() -> Response:
    """A period as a file. That it was taken is a line of the trail, hence a POST."""
    form = PeriodForm()
    if not form.validate():
        return _page(form, None, status=422)
    begins, ends = _bounds(form)
    note_trail_export(viewer().scope, now=request_now())
    rows = trail_of_period(viewer().scope, begins, ends, now=request_now())
    return _file(rows, f"trail-{form.since.data}-to-{form.until.data}.csv")


@bp.post("/visits/<id:visit_id>/csv")
def download_visit(visit_id: int) -> Response:
    """One visit's history as a file."""
    note_trail_export(viewer().scope, visit_id=visit_id, now=request_now())
    return _file(trail_of_visit(viewer().scope, visit_id, now=request_now()), f"trail-visit-{visit_id}.csv")


def _bounds(form: PeriodForm) -> tuple[datetime, datetime]:
    """The form's period; what was left out is filled in, so that the page says what it shows."""
    zone, week = viewer().time_zone, timedelta(days=DAYS_AT_FIRST - 1)
    today = times.day_of(request_now(), zone)
    if not form.until.data:
        form.until.data = max(today, form.since.data or today)
    if not form.since.data:
        form.since.data = max(EARLIEST, form.until.data - week)
    begins, ends = form.bounds(zone)
    assert begins is not None
    assert ends is not None
    return begins, ends


def _page(form: PeriodForm, shown: TrailPage | None, *, status: int = 200, problem: str = "") -> Response:
    return page("admin/trail.html", status=status, form=form, shown=shown, problem=problem, now=request_now())


def _file(batches: Iterable[tuple[TrailFacts, ...]], name: str) -> Response:
    """A file that is sent while it is read, however long it is."""
    response = Response(
        stream_with_context(csv_of(batches, viewer().time_zone)), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
