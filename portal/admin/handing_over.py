"""The page before somebody's visits go to another provider: what that does, and the promise its button confirms."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.admin.user_form import DeactivateForm, UserForm
from shared.queries import UserDetails, handover
from shared.web import page, request_now, services


def read_promise(user_id: int, takes_over_id: int | None) -> str:
    """The digest that the preview of this handover promised to this administrator; empty if there was none."""
    value = services().tokens.unsign("handover", request.form.get("promise", ""))
    if not isinstance(value, list) or value[:3] != [viewer().scope.user_id, user_id, takes_over_id]:
        return ""
    return str(value[3])


def handover_page(details: UserDetails, form: DeactivateForm | UserForm, *, act: str, button: str) -> Response:
    """What handing over will do; again, with a notice, if something came between. Carries the form along."""
    user_id, to = details.row.id, form.takes_over_id or 0
    shown = handover(viewer().scope, user_id, to, now=request_now())
    if shown is None:  # somebody else has just handed them over, or the successor is gone
        return redirect(url_for("users.edit", user_id=user_id), 303)
    came_between = "promise" in request.form
    return page(
        "admin/users/handover.html",
        status=409 if came_between else 200,
        details=details,
        shown=shown,
        came_between=came_between,
        act=act,
        button=button,
        pairs=[(field.name, field.data or "") for field in form if field.name != "csrf_token"],
        promise=services().tokens.sign("handover", [viewer().scope.user_id, user_id, to, shown.digest]),
    )
