"""One's own account: who one is, another password, and where else one is logged in."""

from flask import Blueprint, Response, redirect, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from portal.access import viewer
from portal.password_forms import ChangePasswordForm, LogOutElsewhereForm
from portal.slowed import in_a_while, slow_down
from shared.actions import Slowed, admit_password, end_other_logins, given_back_if_busy
from shared.queries import factor_page, open_logins
from shared.web import page, request_now, services

bp = Blueprint("account", __name__)

NOT_THE_OLD_ONE = "This is not your current password. Type it again."
TOO_OFTEN = "Too many tries with a wrong password, so nothing was changed. Try again in {wait}."

NEWS = {
    "changed": "Your password is changed. Wherever else you were logged in, you are logged out.",
    "ended": "You are logged out there.",
}
"""What the page says after a change; ``news`` in its address names the sentence."""


def account_page(
    *,
    form: ChangePasswordForm | None = None,
    elsewhere: LogOutElsewhereForm | None = None,
    status: int = 200,
    problem: str = "",
    news: str = "",
) -> Response:
    """The page with its two forms, as they were sent or empty."""
    settings, token = services().settings, current_user.get_id()
    logins = open_logins(
        viewer().scope, token, idle=settings.session_idle, absolute=settings.session_absolute, now=request_now()
    )
    return page(
        "passwords/account.html",
        status=status,
        form=form or ChangePasswordForm(formdata=None),
        elsewhere=elsewhere or LogOutElsewhereForm(formdata=None, logins=[str(login.id) for login in logins]),
        logins=logins,
        factor=factor_page(viewer().scope),
        problem=problem,
        news=NEWS.get(news, ""),
        now=request_now(),
    )


@bp.post("/account/logins")
def log_out_elsewhere() -> BaseResponse:
    """End the chosen ones of one's other logins, for who knows the password."""
    form = LogOutElsewhereForm()
    ended = _end(form) if form.validate() else False
    if isinstance(ended, Slowed):
        return slow_down(account_page(elsewhere=form, problem=in_a_while(ended, TOO_OFTEN)), ended)
    if ended:
        return redirect(url_for("passwords.account", news="ended"), 303)
    return account_page(elsewhere=form, status=422)


def _end(form: LogOutElsewhereForm) -> bool | Slowed:
    """Two actions: a try has to count before its password is checked."""
    scope, keep, now = viewer().scope, current_user.get_id(), request_now()
    admission = admit_password(services().tokens, scope, login=keep, now=now)
    if isinstance(admission, Slowed):
        return admission
    password = form.current.data or ""
    with given_back_if_busy(admission, now=now):
        ended = end_other_logins(scope, form.ids, password=password, keep=keep, admission=admission, now=now)
    if not ended:
        form.current.errors = [NOT_THE_OLD_ONE]
    return ended
