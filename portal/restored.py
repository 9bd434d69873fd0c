"""A filled-in form as it was when the login got lost, on the page that it came from."""

from flask import Response
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from portal import visit_form
from portal.change_answers import cancel_again
from portal.change_form import CancelForm, sent_form
from portal.change_pages import form_page, unchangeable_page
from portal.fields import id_of
from portal.visit_form import VisitForm
from shared.changes import ChangeKind
from shared.errors import UnchangeableError
from shared.queries import Viewer, change_form
from shared.web import request_now

BACK = "You had been logged out. Everything you filled in is still here."


def restored_page(viewer: Viewer, waiting: MultiDict[str, str], *, status: int = 200) -> BaseResponse:
    """The form of a new visit, or of the change that the form names."""
    kind, _, number = waiting.get("change", "").partition(":")
    if kind in set(ChangeKind):
        return _change(viewer, ChangeKind(kind), id_of(number), waiting, status)
    return visit_form.form_page(viewer, VisitForm(formdata=waiting), status=status, notice=BACK)


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
