"""Logging in and out."""

from dataclasses import dataclass

from flask import Blueprint, Flask, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from portal.access import DRAFTS
from portal.browsers import forget_pages, remember, visitor
from portal.drafts import Draft, open_draft, posted_author
from portal.half_way import go_half_way
from portal.login_form import LoginForm
from portal.restored import restored_page
from portal.slowed import in_a_while, slow_down
from shared.actions import HalfLogin, Login, Slowed, admit_login, given_back_if_busy, log_in, log_out
from shared.edge import note_refusal
from shared.errors import DomainError
from shared.queries import Viewer, viewer_of
from shared.web import error_page, form_notice, holds_form, page, request_now, services

bp = Blueprint("auth", __name__)
csrf = CSRFProtect()

NO_MATCH = "E-mail and password don't match. Check both and try again."
OUTDATED = "This page was out of date. Log in once more."
TOO_OFTEN = (
    "Too many tries have failed. Try again in {wait}. If the password has slipped your mind, ask for a link below: "
    "it lets you choose another and log in at once."
)
STILL_HERE = "Everything you filled in is still here. Press the button at the end of the form, and go on from there."


@dataclass(frozen=True)
class LoggedIn(UserMixin):
    """What Flask-Login keeps of a person: the session's token as its id, so that the row behind it decides."""

    token: str
    viewer: Viewer

    def get_id(self) -> str:
        """The session's token."""
        return self.token


def prepare(app: Flask) -> None:
    """Set up login and CSRF protection; the guard stands before both."""
    # No current_user in templates: it would ask the database again, on an error page too. They have g.person.
    manager = LoginManager(app, add_context_processor=False)
    manager.session_protection = None  # it ties a login to an IP address, which a phone changes; the row decides
    manager.user_loader(_load)
    csrf.init_app(app)

    @app.errorhandler(CSRFError)
    def csrf_failed(_error: CSRFError) -> Response:
        """A form that was opened under an earlier login comes back filled in, to be sent again."""
        note_refusal("form_token")
        if holds_form():
            return form_notice(400, "You have logged in again since this page was opened", STILL_HERE)
        if request.endpoint in DRAFTS and posted_author() == current_user.viewer.scope.user_id:
            return _sent_form_again()
        if request.endpoint in {"auth.submit_login", "second_step.check", "second_step.finish"}:
            return login_again(request.form.get("next", ""), request.form.get("draft", ""), OUTDATED, status=400)
        return error_page(
            400,
            "This form is out of date",
            "Its security token does not match this browser. Go back, reload the page and send it again.",
        )


@bp.get("/login")
def login() -> Response:
    """The login form."""
    if current_user.is_authenticated:
        return redirect(_safe_next(request.args.get("next", "")), 303)
    return page("login.html", form=LoginForm(formdata=None), next=request.args.get("next", ""), draft="", problem="")


@bp.post("/login")
def submit_login() -> Response:
    """Check the password; then the second factor, if there is one, or on where the person was."""
    form, back, draft = LoginForm(), request.form.get("next", ""), request.form.get("draft", "")
    opened = _try(form) if form.validate() else None
    if isinstance(opened, Slowed):
        problem = in_a_while(opened, TOO_OFTEN)
        return slow_down(page("login.html", form=form, next=back, draft=draft, problem=problem), opened)
    if opened is None:
        return _refused_page(form, back, draft)
    if isinstance(opened, HalfLogin):
        return go_half_way(opened, back, draft)
    return arrive(opened, back, draft)


def arrive(opened: Login, back: str, draft: str) -> Response:
    """Into the portal, under a new session, and on where the person was, with the form that waited, if one did."""
    session.clear()
    g.pop("csrf_token", None)  # the old session's; a form on the page that follows needs one of the new session
    person = _load(opened.token)
    assert person is not None
    login_user(person)
    waiting = open_draft(draft, opened.user_id)
    answer = redirect(_safe_next(back), 303) if waiting is None else restored_page(person.viewer, waiting)
    return remember(answer, opened.known)


@bp.post("/logout")
def log_out_now() -> Response:
    """End the session here and on the server."""
    log_out(current_user.get_id(), now=request_now())
    logout_user()
    session.clear()
    return forget_pages(redirect(url_for(".login"), 303))


@bp.get("/favicon.ico")
def favicon() -> Response:
    """Browsers ask for it unasked."""
    return current_app.send_static_file("favicon.svg")


def _try(form: LoginForm) -> Login | HalfLogin | Slowed | None:
    """Two actions: a try has to count before its password is checked."""
    email, now = form.email.data or "", request_now()
    admission = admit_login(services().tokens, visitor(), email=email, now=now)
    if isinstance(admission, Slowed):
        return admission
    password, before = form.password.data or "", session.get("_user_id")
    with given_back_if_busy(admission, now=now):
        return log_in(email=email, password=password, admission=admission, replaces=before, now=now)


def _refused_page(form: LoginForm, back: str, draft: str) -> Response:
    if not form.errors:
        note_refusal("password")
    problem = "" if form.errors else NO_MATCH
    return page("login.html", status=422, form=form, next=back, draft=draft, problem=problem)


def _sent_form_again() -> Response:
    """The form as it was sent, on its page; or what stands against that by now, such as a record that is gone.

    Flask answers no error that rises while it answers another, so that one is answered here.
    """
    try:
        return restored_page(current_user.viewer, Draft(request.path, request.form), status=400)
    except (DomainError, HTTPException) as error:
        return current_app.make_response(current_app.handle_user_exception(error))


def login_again(back: str, draft: str, problem: str, *, status: int) -> Response:
    """A login page that another tab, a reload or time has outdated: on for who is logged in by now, else once more.

    The form that waits in it is not lost either way.
    """
    if not current_user.is_authenticated:
        form = LoginForm(formdata=None)
        return page("login.html", status=status, form=form, next=back, draft=draft, problem=problem)
    waiting = open_draft(draft, current_user.viewer.scope.user_id)
    if waiting is not None:
        return restored_page(current_user.viewer, waiting)
    return redirect(_safe_next(back), 303)


def _load(token: str) -> LoggedIn | None:
    settings = services().settings
    found = viewer_of(token, idle=settings.session_idle, absolute=settings.session_absolute, now=request_now())
    if found is None:
        return None
    g.person = found
    return LoggedIn(token, found)


def _safe_next(target: str) -> str:
    """Only a path of this site: nobody is sent elsewhere after a login."""
    safe = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if safe else url_for("schedule.dashboard")
