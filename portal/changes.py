"""Edit, ask again, cancel: each with what it will do before it is done."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.change_answers import CHANGED, OUTDATED, answer_confirm, answer_plan, cancel_again, read_promise
from portal.change_form import CancelForm, sent_form
from portal.change_pages import form_page, unchangeable_page
from portal.interpreter_fields import LONGEST_TAG
from portal.opened_with import open_form
from shared.actions import change_visit
from shared.changes import ChangeKind
from shared.errors import UnchangeableError
from shared.queries import change_form, change_interpreters, plan_of_change
from shared.states import Reach
from shared.web import is_fragment, page, request_now

bp = Blueprint("changes", __name__, url_prefix="/visits/<id:visit_id>")


@bp.get("/edit")
def edit(visit_id: int) -> Response:
    """The visit's form as it is now."""
    return _open(visit_id, ChangeKind.EDIT)


@bp.post("/edit")
def preview_edit(visit_id: int) -> Response:
    """What saving would do, or the form with what stands against it. Stores and sends nothing."""
    return _preview(visit_id, ChangeKind.EDIT)


@bp.post("/edit/confirm")
def confirm_edit(visit_id: int) -> Response:
    """Save what the preview showed, or show what has come between."""
    return _confirm(visit_id, ChangeKind.EDIT)


@bp.get("/ask")
def ask(visit_id: int) -> Response:
    """Whom to ask, again or for the first time."""
    return _open(visit_id, ChangeKind.ASK)


@bp.post("/ask")
def preview_ask(visit_id: int) -> Response:
    """What asking would do. Stores and sends nothing."""
    return _preview(visit_id, ChangeKind.ASK)


@bp.post("/ask/confirm")
def confirm_ask(visit_id: int) -> Response:
    """Ask as the preview showed, or show what has come between."""
    return _confirm(visit_id, ChangeKind.ASK)


@bp.get("/interpreters")
def interpreters(visit_id: int) -> Response:
    """Whom this visit's clinic can ask for a language: the part of both forms that HTMX reloads."""
    if not is_fragment():
        return redirect(url_for(".edit", visit_id=visit_id), 303)
    tag = request.args.get("language", "")[:LONGEST_TAG]
    choices = change_interpreters(viewer().scope, visit_id, tag, now=request_now())
    return page("visits/_interpreters.html", interpreters=choices, picked=frozenset(), is_news=True)


@bp.get("/cancel")
def cancel(visit_id: int) -> Response:
    """Who will be told, for the visits that the address names."""
    opened = change_form(viewer().scope, visit_id, ChangeKind.CANCEL, now=request_now())
    return cancel_again(viewer(), opened, CancelForm(formdata=None, reach=request.args.get("reach", "")))


@bp.post("/cancel/confirm")
def confirm_cancel(visit_id: int) -> Response:
    """Cancel what the page showed, or show what has come between, or the page for another reach, the reason kept."""
    form = CancelForm()
    if request.form.get("do") == "back" or "to" in request.form:
        form.reach.data = request.form.get("to", form.reach.data)
        opened = change_form(viewer().scope, visit_id, ChangeKind.CANCEL, now=request_now())
        if form.reach.data not in set(Reach):
            return cancel_again(viewer(), opened, form, status=422, notice=OUTDATED)
        return cancel_again(viewer(), opened, form)
    is_right = form.validate()
    signed = read_promise(viewer(), request.form.get("promise", "")) if is_right else None
    if signed is None:
        opened = change_form(viewer().scope, visit_id, ChangeKind.CANCEL, now=request_now())
        return cancel_again(viewer(), opened, form, status=422, notice=OUTDATED if is_right else "")
    wish = form.wish(visit_id)
    result = change_visit(viewer().scope, wish, signed.about(wish), now=request_now())
    return answer_confirm(viewer(), form, signed, result)


@bp.errorhandler(UnchangeableError)
def unchangeable(error: UnchangeableError) -> Response:
    """Cancelled, begun or over meanwhile: the sentence, and what was filled in for a new visit."""
    form = sent_form(ChangeKind.EDIT) if request.endpoint in {"changes.preview_edit", "changes.confirm_edit"} else None
    assert request.view_args is not None
    return unchangeable_page(viewer(), error.sentence, request.view_args["visit_id"], form)


def _open(visit_id: int, kind: ChangeKind) -> Response:
    opened = change_form(viewer().scope, visit_id, kind, now=request_now())
    return form_page(viewer(), opened, open_form(viewer(), kind, opened))


def _preview(visit_id: int, kind: ChangeKind) -> Response:
    form = sent_form(kind)
    opened = change_form(viewer().scope, visit_id, kind, now=request_now())
    if request.form.get("do") in {"back", "choices"}:
        return form_page(viewer(), opened, form)
    is_right = form.validate()
    if not is_right and not form.can_be_planned:
        return form_page(viewer(), opened, form, status=422)
    plan = plan_of_change(viewer().scope, form.wish(visit_id), now=request_now())
    if not is_right:  # what stands against the plan is said in the same round
        form.add_errors(plan.errors)
        return form_page(viewer(), opened, form, status=422)
    return answer_plan(viewer(), opened, form, plan)


def _confirm(visit_id: int, kind: ChangeKind) -> Response:
    form = sent_form(kind)
    is_right = form.validate()
    signed = read_promise(viewer(), request.form.get("promise", "")) if is_right else None
    if signed is None:
        opened = change_form(viewer().scope, visit_id, kind, now=request_now())
        return form_page(viewer(), opened, form, status=422, notice=CHANGED if is_right else "")
    wish = form.wish(visit_id)
    result = change_visit(viewer().scope, wish, signed.about(wish), now=request_now())
    return answer_confirm(viewer(), form, signed, result)
