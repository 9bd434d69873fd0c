"""Passwords: forgotten, chosen by a mailed link, changed on one's own page."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, redirect, request, url_for
from flask import Response as FlaskResponse
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.account import NOT_THE_OLD_ONE, TOO_OFTEN, account_page
from portal.auth import LoggedIn
from portal.browsers import remember, visitor
from portal.password_forms import ChangePasswordForm, ForgotForm, NewPasswordForm
from portal.slowed import in_a_while, slow_down
from shared.actions import (
    PasswordOutcome,
    PasswordResult,
    Slowed,
    admit_link_request,
    admit_password,
    ask_password_reset,
    change_password,
    given_back_if_busy,
    set_password_by_link,
)
from shared.edge import note_refusal
from shared.queries import PasswordPage, password_page
from shared.tokens import LinkKind, VerifiedLink
from shared.web import page, request_now, services
from shared.wrong_links import limited

bp = Blueprint("passwords", __name__)

EVEN_SECONDS = 0.3
"""How long every answer to "forgot" takes, so that nobody can tell by the clock whether an address is known."""

ASKED_TOO_OFTEN = (
    "Many links were asked for from your network. Try again in {wait}. A mail that has arrived already is still good, "
    "and an administrator of your clinic can send one too."
)


@bp.get("/password/forgot")
def forgot() -> Response:
    """Ask for a link to choose a new password."""
    return page("passwords/forgot.html", form=ForgotForm(formdata=None), problem="")


@bp.post("/password/forgot")
def ask() -> Response:
    """The same answer, after the same time, for every address."""
    form = ForgotForm()
    if not form.validate():
        return page("passwords/forgot.html", status=422, form=form, problem="")
    admission = admit_link_request(services().tokens, visitor(), now=request_now())
    if isinstance(admission, Slowed):
        problem = in_a_while(admission, ASKED_TOO_OFTEN)
        return slow_down(page("passwords/forgot.html", form=form, problem=problem), admission)
    with _evened_out():
        ask_password_reset(form.email.data or "", now=request_now())
    return redirect(url_for(".asked"), 303)


@bp.get("/password/asked")
def asked() -> Response:
    """What happens next, whoever asked."""
    return page("passwords/asked.html")


@bp.get("/password/set/<token>")
def choose(token: str) -> Response:
    """Show whose password the link sets. Changes nothing, however often it is opened."""
    _link, found = _read(token)
    return _gone() if found is None else _choose_page(NewPasswordForm(formdata=None), found, token)


@bp.post("/password/set/<token>")
def set_password(token: str) -> Response:
    """Set the password and log its owner out everywhere. The link works once."""
    link, found = _read(token)
    if link is None or found is None:
        return _gone()
    form = NewPasswordForm()
    if not form.validate():
        return _choose_page(form, found, token, status=422)
    leaked = services().settings.leaked_passwords_file
    result = set_password_by_link(link, form.password.data or "", leaked=leaked, now=request_now())
    if result.outcome is PasswordOutcome.LINK_DEAD:
        return _gone()
    if result.known is None:
        form.password.errors = [result.fault]
        return _choose_page(form, found, token, status=422)
    return remember(redirect(url_for(".done"), 303), result.known)


@bp.get("/password/done")
def done() -> Response:
    """On to the login."""
    return page("passwords/done.html")


@bp.get("/account")
def account() -> Response:
    """One's own name and role, the way to another password, and where else one is logged in."""
    return account_page(news=request.args.get("news", ""))


@bp.post("/account")
def change() -> Response:
    """Change one's own password. All other logins end, and this one goes on under another token."""
    form = ChangePasswordForm()
    result = _change(form) if form.validate() else None
    if isinstance(result, Slowed):
        return slow_down(account_page(form=form, problem=in_a_while(result, TOO_OFTEN)), result)
    if result is not None and result.known is not None:
        login_user(LoggedIn(result.token, viewer()))
        return remember(redirect(url_for(".account", news="changed"), 303), result.known)
    return account_page(form=form, status=422)


def _change(form: ChangePasswordForm) -> PasswordResult | Slowed:
    """Two actions, as at the login. What stands against it is said in the form."""
    keep, now = current_user.get_id(), request_now()
    admission = admit_password(services().tokens, viewer().scope, login=keep, now=now)
    if isinstance(admission, Slowed):
        return admission
    old, new = form.old.data or "", form.password.data or ""
    leaked = services().settings.leaked_passwords_file
    with given_back_if_busy(admission, now=now):
        result = change_password(
            viewer().scope, old=old, new=new, keep=keep, admission=admission, leaked=leaked, now=now
        )
    if result.outcome is PasswordOutcome.REFUSED:
        form.password.errors = [result.fault]
    elif result.outcome is PasswordOutcome.NOT_THE_OLD_ONE:
        form.old.errors = [NOT_THE_OLD_ONE]
    return result


def _read(token: str) -> tuple[VerifiedLink | None, PasswordPage | None]:
    link = services().tokens.read_link(LinkKind.PASSWORD, token)
    return link, None if link is None else password_page(link, now=request_now())


def _choose_page(form: NewPasswordForm, found: PasswordPage, token: str, *, status: int = 200) -> Response:
    return page("passwords/choose.html", status=status, form=form, found=found, token=token)


def _gone_page() -> FlaskResponse:
    return page("passwords/gone.html", status=410)


@limited("wrong links", _gone_page)
def _gone() -> Response:
    """A link that was never ours looks like one that was used."""
    note_refusal("link")
    return _gone_page()


@contextmanager
def _evened_out() -> Iterator[None]:
    """Take as long as ever: a mail to be written takes longer than none."""
    began = time.monotonic()
    yield
    time.sleep(max(0.0, EVEN_SECONDS - (time.monotonic() - began)))
