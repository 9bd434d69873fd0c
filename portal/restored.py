"""A filled-in form as it was when the login got lost, on the page that it came from."""

from typing import Any

from flask import Response, current_app, g, make_response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from portal import visit_form
from portal.access import ACCESS, ADMIN_FORMS
from portal.change_answers import cancel_again
from portal.change_form import CancelForm, sent_form
from portal.change_pages import form_page, unchangeable_page
from portal.drafts import Draft
from portal.fields import id_of
from portal.visit_form import VisitForm
from shared.changes import ChangeKind
from shared.errors import UnchangeableError
from shared.queries import Viewer, change_form
from shared.web import request_now

BACK = "You had been logged out. Everything you filled in is still here."


def restored_page(viewer: Viewer, draft: Draft, *, status: int = 200) -> BaseResponse:
    """An administrator's form, the form of a new visit, or of the change that the form names."""
    waiting, (endpoint, values) = draft.values, _endpoint(draft.path)
    if endpoint in ADMIN_FORMS and viewer.scope.role in ACCESS[endpoint]:
        g.waiting = waiting  # AdminForm reads it, and is not to be saved: the view shows it again
        answer = make_response(current_app.view_functions[endpoint](**values))
        answer.status_code = status
        return answer
    kind, _, number = waiting.get("change", "").partition(":")
    if kind in set(ChangeKind):
        return _change(viewer, ChangeKind(kind), id_of(number), waiting, status)
    return visit_form.form_page(viewer, VisitForm(formdata=waiting), status=status, notice=BACK)


def _endpoint(path: str) -> tuple[str, dict[str, Any]]:
    """Where a form was sent to; no endpoint if there is none by now."""
    try:
        endpoint, values = current_app.create_url_adapter(request).match(path, method="POST")  # type: ignore[union-attr]
    except HTTPException:
        return "", {}
    return endpoint, dict(values)


def _change(
    viewer: Viewer, kind: ChangeKind, visit_id: int, waiting: MultiDict[str, str], status: int
) -> Response | BaseResponse:
    form = sent_form(kind, waiting)
    try:
        opened = change_form(viewer.scope, visit_id, kind, now=request_now())
    except UnchangeableError as error:
        return unchangeable_page(viewer, error.sentence, visit_id, form)
    if isinstance(form, CancelForm):
        return cancel_again(viewer, opened, form, status=status, notice=BACK)
    return form_page(viewer, opened, form, status=status, notice=BACK)
