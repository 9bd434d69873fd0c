"""Create New Visit, its preview and confirmation, and a visit's details."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.access import viewer
from portal.dates import date_of
from portal.drafts import author_token
from portal.live import watch
from portal.visit_form import VisitForm, form_page, new_form
from shared.actions import ConfirmOutcome, ConfirmResult, Preview, confirm_visit
from shared.meeting import Attendee
from shared.plan import VisitPlan
from shared.queries import VisitDetails, cancellation, interpreter_choices, plan_visit, visit_details, visit_meeting
from shared.rules import JoinWindow
from shared.states import VisitStatus
from shared.web import is_fragment, page, request_now, services

bp = Blueprint("visits", __name__)

CHANGED = "The visit was changed after its preview. Check it and press Create Visit again."
REGROUPED = "Whom you ask, or the clinic's time zone, has changed since the preview. Look at everything again."


@bp.get("/visits/new")
def new() -> BaseResponse:
    """An empty form; a day may come along."""
    return form_page(viewer(), new_form(viewer(), day=date_of(request.args.get("date", "")), now=request_now()))


@bp.get("/visits/interpreters")
def interpreters() -> BaseResponse:
    """Whom the clinic can ask for a language: the part of the form that HTMX reloads."""
    if not is_fragment():
        return redirect(url_for(".new"), 303)
    choices = interpreter_choices(viewer().scope, request.args.get("language", "")[:35])
    return page("visits/_interpreters.html", interpreters=choices, picked=frozenset(), is_news=True)


@bp.post("/visits/new")
def preview() -> BaseResponse:
    """Show what would be created, or the form with what stands against it. Stores and sends nothing."""
    form = VisitForm()
    if request.form.get("do") in {"back", "choices"}:
        return form_page(viewer(), form)
    if not form.validate():
        return form_page(viewer(), form, status=422)
    plan = plan_visit(viewer().scope, form.draft, now=request_now())
    if plan.errors:
        form.add_errors(plan.errors)
        return form_page(viewer(), form, status=422)
    return _preview_page(form, plan)


@bp.post("/visits")
def create() -> BaseResponse:
    """Confirm a preview. The same preview twice leads to the same visit."""
    form = VisitForm()
    if not form.validate():
        return form_page(viewer(), form, status=422)
    promised = _read_preview(request.form.get("preview", ""))
    if promised is None:
        return form_page(viewer(), form, status=422, notice=CHANGED)
    result = confirm_visit(viewer().scope, form.draft, promised, now=request_now())
    return _answer_confirm(form, result)


@bp.get("/visits/<id:visit_id>")
def show(visit_id: int) -> BaseResponse:
    """Everything about one visit."""
    details = _details(visit_id)
    cards = details.series.visits if details.series else [details.card]
    is_cancelled = details.status is VisitStatus.CANCELLED
    return page(
        "visits/show.html",
        details=details,
        cancelled=cancellation(viewer().scope, visit_id) if is_cancelled else None,
        now=request_now(),
        watch=watch(cards),
    )


@bp.get("/visits/<id:visit_id>/interpreter")
def show_interpreter(visit_id: int) -> BaseResponse:
    """The interpreter card and the history alone, which an open page reloads when its badge changes."""
    if not is_fragment():
        return redirect(url_for(".show", visit_id=visit_id), 303)
    return page("visits/_news.html", details=_details(visit_id), now=request_now())


@bp.get("/visits/<id:visit_id>/join")
def join(visit_id: int) -> BaseResponse:
    """The clinic's own door into the meeting, while it is open."""
    meeting = visit_meeting(viewer().scope, visit_id, now=request_now())
    if meeting is None:
        abort(404)
    if meeting.window is not JoinWindow.OPEN:
        return redirect(url_for(".show", visit_id=visit_id), 303)
    attendee = Attendee(meeting.attendee_name, is_moderator=True)
    room = services().meeting.room_url(meeting.room, attendee, starts_at=meeting.starts_at, ends_at=meeting.ends_at)
    return redirect(room, 303)


def _details(visit_id: int) -> VisitDetails:
    details = visit_details(viewer().scope, visit_id, now=request_now())
    if details is None:
        abort(404)
    return details


def _preview_page(form: VisitForm, plan: VisitPlan, *, notice: str = "") -> Response:
    """The preview carries the form along, and its key, bound to content, user and companies.

    The key is the form's: previewed again after Back or a reload, the same content confirms the same visit.
    """
    scope = viewer().scope
    form.keep_key()
    promise = [scope.user_id, form.key.data, plan.draft.digest(), list(plan.company_ids), plan.time_zone]
    return page(
        "visits/preview.html",
        plan=plan,
        pairs=form.pairs(),
        preview=services().tokens.sign("preview", promise),
        notice=notice,
        author=author_token(scope.user_id),
        now=request_now(),
    )


def _read_preview(token: str) -> Preview | None:
    """What the preview promised, if it is this user's."""
    value = services().tokens.unsign("preview", token)
    if not isinstance(value, list) or value[0] != viewer().scope.user_id:
        return None
    _user, key, digest, company_ids, time_zone = value
    return Preview(key=key, digest=digest, company_ids=tuple(company_ids), time_zone=time_zone)


def _answer_confirm(form: VisitForm, result: ConfirmResult) -> BaseResponse:
    if result.outcome in {ConfirmOutcome.CREATED, ConfirmOutcome.ALREADY_MADE}:
        return redirect(url_for(".show", visit_id=result.visit_id), 303)
    if result.plan is None:
        form.renew_key()  # the old one made another visit
        return form_page(viewer(), form, status=422, notice=CHANGED)
    if result.plan.errors:
        form.add_errors(result.plan.errors)
        return form_page(viewer(), form, status=422)
    return _preview_page(form, result.plan, notice=REGROUPED)
