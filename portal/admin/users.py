"""The clinic's people: invite, change, deactivate."""

from flask import Blueprint, abort, g, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.admin.handing_over import handover_page, read_promise
from portal.admin.saving import Sides, add_errors, sides
from portal.admin.user_form import ROLES, DeactivateForm, UserForm, form_for
from portal.fields import id_of
from shared.actions import (
    SaveOutcome,
    SaveResult,
    change_user,
    deactivate_user,
    invite_user,
    log_user_out,
    reactivate_user,
    reset_factor,
    send_password_link,
)
from shared.errors import LastAdminError
from shared.queries import UserDetails, left_unasked, user_details, user_list
from shared.records import KEEPS_ADDRESS
from shared.rules import UserState
from shared.states import Role
from shared.web import page, request_now

bp = Blueprint("users", __name__, url_prefix="/admin/users")

NEWS = {
    "invited": "The invitation is on its way. The link in it works for 72 hours.",
    "saved": "The changes are saved.",
    "deactivated": "This person can't log in any more.",
    "reactivated": "This person can log in again. Who has no password yet gets a new invitation.",
    "logged-out": "This person is logged out everywhere, and can log in again.",
    "sent": "A mail with a new link is on its way. Links sent before no longer work.",
    "unsent": "The changes are saved, but no mail has left: three mails went to this person within the hour. Send the "
    "invitation again later.",
    "reactivated-unsent": "This person is active again, but no mail has left: three mails went to this person within "
    "the hour. Send the invitation again later.",
    "factor": "The second factor is reset, and this person is logged out everywhere.",
    "enough": "Three mails went to this person within the hour. Wait a little, or ask them to look among spam.",
}
"""What the list says after a change; ``news`` in its address names the sentence."""

REACTIVATE_FIRST = "The address of somebody deactivated stays as it is. Reactivate the account first."

NO_MAIL = frozenset({"unsent", "reactivated-unsent", "enough"})
"""News of a mail that did not leave."""

LEFT = frozenset({"saved", "unsent", "deactivated"})
"""News after which ``left`` in the address names somebody whose visits may have gone to another."""


@bp.get("")
def index() -> Response:
    """Everybody of the clinic; after a handover, the visits that lost their request by it."""
    scope, now, news = viewer().scope, request_now(), request.args.get("news", "")
    return page(
        "admin/users/index.html",
        people=user_list(scope, now=now),
        news=NEWS.get(news, ""),
        good=news not in NO_MAIL,
        unasked=left_unasked(scope, id_of(request.args.get("left", "")), now=now) if news in LEFT else (),
    )


@bp.get("/new")
def new() -> Response:
    """An empty form."""
    return page("admin/users/new.html", form=UserForm(formdata=None, role="scheduler"))


@bp.post("/new")
def invite() -> Response:
    """Add somebody and mail the invitation."""
    form = UserForm()
    if form.validate():
        result = invite_user(viewer().scope, form.record, now=request_now())
        if result.outcome is SaveOutcome.SAVED:
            return _to_list("invited")
        add_errors(form, result.errors)
    return page("admin/users/new.html", status=422, form=form)


@bp.get("/<id:user_id>")
def edit(user_id: int) -> Response:
    """One person, to change."""
    details = _details(user_id)
    return page("admin/users/edit.html", form=form_for(details.record), details=details, sides=())


@bp.post("/<id:user_id>")
def save(user_id: int) -> Response:
    """Save what was changed."""
    details = _details(user_id)
    form = _posted_form(details)
    goes_back = request.form.get("do") == "back"
    if goes_back or not form.validate():
        return page("admin/users/edit.html", status=200 if goes_back else 422, form=form, details=details, sides=())
    result = change_user(
        viewer().scope,
        user_id,
        form.record,
        stamp=form.stamp.data or "",
        takes_over_id=form.takes_over_id,
        promised=read_promise(user_id, form.takes_over_id),
        now=request_now(),
    )
    if result.outcome is SaveOutcome.SAVED:
        is_unsent = form.record.email != details.record.email and _details(user_id).row.link_expired
        return _to_list("unsent" if is_unsent else "saved", left=user_id)
    if result.outcome is SaveOutcome.PREVIEW:
        return handover_page(details, form, act="users.save", button="Save")
    return _unsaved(user_id, form, result)


@bp.get("/<id:user_id>/deactivate")
def confirm_deactivation(user_id: int) -> Response:
    """What deactivating means, and who takes over."""
    return page("admin/users/deactivate.html", form=DeactivateForm(formdata=None), details=_details(user_id))


@bp.post("/<id:user_id>/deactivate")
def deactivate(user_id: int) -> Response:
    """Deactivate the person, unless visits to come have nobody to take them over."""
    form = DeactivateForm()
    if request.form.get("do") == "back" or not form.validate():
        return page("admin/users/deactivate.html", form=form, details=_details(user_id))
    to = form.takes_over_id
    promised = read_promise(user_id, to)
    result = deactivate_user(viewer().scope, user_id, takes_over_id=to, promised=promised, now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return _to_list("deactivated", left=user_id)
    if result.outcome is SaveOutcome.PREVIEW:
        return handover_page(_details(user_id), form, act="users.deactivate", button="Deactivate")
    add_errors(form, result.errors)
    return page("admin/users/deactivate.html", status=422, form=form, details=_details(user_id))


@bp.errorhandler(LastAdminError)
def last_admin(_error: LastAdminError) -> Response:
    """The page, which says why it can't be done."""
    assert request.view_args is not None
    form = DeactivateForm(formdata=None)
    return page("admin/users/deactivate.html", status=409, form=form, details=_details(request.view_args["user_id"]))


@bp.post("/<id:user_id>/reactivate")
def reactivate(user_id: int) -> Response:
    """Let the person in again."""
    is_told = reactivate_user(viewer().scope, user_id, now=request_now())
    return _to_list("reactivated" if is_told else "reactivated-unsent")


@bp.post("/<id:user_id>/link")
def send_link(user_id: int) -> Response:
    """Mail a link to choose a password, again."""
    sent = send_password_link(viewer().scope, user_id, now=request_now())
    return _to_list("sent" if sent else "enough")


@bp.post("/<id:user_id>/logins")
def log_out(user_id: int) -> Response:
    """Log the person out everywhere."""
    log_user_out(viewer().scope, user_id, now=request_now())
    return _to_list("logged-out")


@bp.post("/<id:user_id>/second-factor/reset")
def reset_second_factor(user_id: int) -> Response:
    """Take away the second factor of a colleague who has lost it."""
    reset_factor(viewer().scope, user_id, now=request_now())
    return _to_list("factor")


def _details(user_id: int) -> UserDetails:
    details = user_details(viewer().scope, user_id, now=request_now())
    if details is None:
        abort(404)
    return details


def _posted_form(details: UserDetails) -> UserForm:
    """The form as it was sent. The address is a part of it while somebody is invited: one that was typed before they
    chose a password, or were deactivated, is refused and not dropped without a word."""
    state, own = details.row.state, details.row.email
    if state is UserState.INVITED:
        return UserForm()
    data = MultiDict(g.get("waiting", request.form))
    typed = data.get("email", own)
    data["email"] = own
    form = UserForm(formdata=data)
    if typed.strip().lower() != own:
        form.fixed_address = REACTIVATE_FIRST if state is UserState.DEACTIVATED else KEEPS_ADDRESS
    return form


def _unsaved(user_id: int, form: UserForm, result: SaveResult) -> Response:
    """The form again, with what stands against it and the person as they stand now."""
    details = _details(user_id)
    add_errors(form, result.errors)
    found: tuple[Sides, ...] = ()
    if result.outcome is SaveOutcome.CONFLICT:
        found = sides(form, details.record, _say)
    return page("admin/users/edit.html", status=422, form=form, details=details, sides=found)


def _say(name: str, value: str) -> str:
    return ROLES[Role(value)] if name == "role" else value


def _to_list(news: str, *, left: int | None = None) -> Response:
    return redirect(url_for(".index", news=news, left=left), 303)
