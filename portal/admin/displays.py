"""Screens that show the Board without a login: made, listed, switched off."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField

from portal.access import viewer
from portal.admin.saving import AdminForm, add_errors, name_field
from portal.drafts import KEPT_FOR
from shared.actions import SaveOutcome, make_display, revoke_display
from shared.queries import display_list
from shared.tokens import new_typed_code
from shared.web import page, request_now, services

bp = Blueprint("displays", __name__, url_prefix="/admin/displays")

CODE_BITS = 140
TOO_OLD = "This page was open for too long. Its form is new now: press the button once more."


class DisplayForm(AdminForm):
    """A display's name. ``key`` holds the code that it will get, sealed: the button pressed twice makes one display."""

    name = name_field("Name", "Write where the screen is, for example Front desk.", longest=80)
    key = HiddenField()


@bp.get("")
def index() -> Response:
    """The displays in use."""
    return _page(_new_form(), gone=request.args.get("done") == "off")


@bp.post("")
def add() -> Response:
    """Make a display and show its link, once."""
    form = DisplayForm()
    code = _code_in(form)
    if form.validate():
        if code is None:
            form.key.data = _new_key()
            return _page(form, status=422, problem=TOO_OLD)
        result = make_display(viewer().scope, form.name.data or "", code, now=request_now())
        if result.outcome is SaveOutcome.SAVED:
            return _page(_new_form(), made=form.name.data, code=code)
        add_errors(form, result.errors)
    return _page(form, status=422)


@bp.post("/<id:display_id>/revoke")
def revoke(display_id: int) -> Response:
    """Switch a display off."""
    revoke_display(viewer().scope, display_id, now=request_now())
    return redirect(url_for(".index", done="off"), 303)


def _page(form: DisplayForm, *, status: int = 200, **more: Any) -> Response:
    context: dict[str, Any] = {"made": "", "code": "", "gone": False, "problem": ""} | more
    link = f"{services().settings.portal_url}{url_for('display.enter')}#{context['code']}"
    rows = display_list(viewer().scope)
    return page("admin/displays.html", status=status, form=form, displays=rows, link=link, now=request_now(), **context)


def _new_form() -> DisplayForm:
    return DisplayForm(formdata=None, key=_new_key())


def _new_key() -> str:
    return services().tokens.seal([viewer().scope.user_id, new_typed_code(CODE_BITS)], now=request_now())


def _code_in(form: DisplayForm) -> str | None:
    """The code that the form was opened with; None for a form that is somebody else's or too old."""
    found = services().tokens.unseal(form.key.data or "", max_age=KEPT_FOR, now=request_now())
    is_own = isinstance(found, list) and len(found) == 2 and found[0] == viewer().scope.user_id
    return str(found[1]) if is_own else None  # type: ignore[index]
