"""Who may call what: one table, deny by default."""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from portal.admission import admit_display
from portal.browsers import forget_pages
from portal.drafts import lost_login_page
from shared.actions import touch_session
from shared.edge import note_refusal
from shared.queries import Viewer
from shared.states import Role
from shared.web import form_notice, holds_form, is_fragment, request_now

EVERYBODY = frozenset(Role)
BOOKING = frozenset({Role.PROVIDER, Role.SCHEDULER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

PUBLIC = frozenset(
    {
        "static",
        "probes.healthz",
        "probes.readyz",
        "auth.login",
        "auth.submit_login",
        "auth.favicon",
        "passwords.forgot",
        "passwords.ask",
        "passwords.asked",
        "passwords.choose",
        "passwords.set_password",
        "passwords.done",
        "second_step.code",
        "second_step.check",
        "second_step.set_up",
        "second_step.finish",
        "display.enter",
        "display.open_board",
        "dev.mailbox",
        "dev.show_mail",
    }
)
"""Endpoints without a login. Those of ``dev`` exist only in development; those of ``second_step`` ask for the proof of
a password that was right a moment ago, and ``display`` here only takes a display's code."""

DISPLAY = frozenset({"display.board", "display.poll"})
"""What a display may call: nothing but these, and nobody else may, whatever their login."""

ACCESS: Mapping[str, frozenset[Role]] = {
    "auth.log_out_now": EVERYBODY,
    "passwords.account": EVERYBODY,
    "passwords.change": EVERYBODY,
    "account.log_out_elsewhere": EVERYBODY,
    "factors.show": EVERYBODY,
    "factors.begin": EVERYBODY,
    "factors.remove": EVERYBODY,
    "factors.set_up": EVERYBODY,
    "factors.finish": EVERYBODY,
    "schedule.dashboard": EVERYBODY,
    "schedule.calendar": EVERYBODY,
    "search.show": EVERYBODY,
    "search.find": EVERYBODY,
    "board.show": EVERYBODY,
    "live.poll": EVERYBODY,
    "visits.show": EVERYBODY,
    "visits.show_interpreter": EVERYBODY,
    "visits.join": BOOKING,
    "visits.new": BOOKING,
    "visits.interpreters": BOOKING,
    "visits.preview": BOOKING,
    "visits.create": BOOKING,
    "changes.edit": BOOKING,
    "changes.preview_edit": BOOKING,
    "changes.confirm_edit": BOOKING,
    "changes.ask": BOOKING,
    "changes.preview_ask": BOOKING,
    "changes.confirm_ask": BOOKING,
    "changes.interpreters": BOOKING,
    "changes.cancel": BOOKING,
    "changes.confirm_cancel": BOOKING,
    "settings.show": ADMINS,
    "settings.save": ADMINS,
    "languages.index": ADMINS,
    "languages.add": ADMINS,
    "languages.show": ADMINS,
    "languages.save": ADMINS,
    "languages.remove": ADMINS,
    "companies.index": ADMINS,
    "companies.new": ADMINS,
    "companies.add": ADMINS,
    "companies.show": ADMINS,
    "companies.save": ADMINS,
    "companies.accredit": ADMINS,
    "companies.suspend": ADMINS,
    "groups.index": ADMINS,
    "groups.new": ADMINS,
    "groups.add": ADMINS,
    "groups.show": ADMINS,
    "groups.save": ADMINS,
    "groups.remove": ADMINS,
    "users.index": ADMINS,
    "users.new": ADMINS,
    "users.invite": ADMINS,
    "users.edit": ADMINS,
    "users.save": ADMINS,
    "users.confirm_deactivation": ADMINS,
    "users.deactivate": ADMINS,
    "users.reactivate": ADMINS,
    "users.send_link": ADMINS,
    "users.log_out": ADMINS,
    "patients.show": ADMINS,
    "patients.find": ADMINS,
    "patients.held": ADMINS,
    "patients.download": ADMINS,
    "patients.preview": ADMINS,
    "patients.question": ADMINS,
    "patients.erase": ADMINS,
    "users.reset_second_factor": ADMINS,
    "displays.index": ADMINS,
    "displays.add": ADMINS,
    "displays.revoke": ADMINS,
    "lost_mail.index": ADMINS,
    "lost_mail.send_again": ADMINS,
    "trail.index": ADMINS,
    "trail.download": ADMINS,
    "trail.download_visit": ADMINS,
}

NO_ACTIVITY = frozenset({"live.poll", "visits.show_interpreter"})
"""What an open page asks by itself; it does not keep a session alive."""

RELOADED = frozenset({"schedule.dashboard", "schedule.calendar", "board.show"})
"""Pages that reload parts of themselves when a badge turned: as a fragment no activity either."""

VISIT_FORMS = frozenset(
    {
        "visits.preview",
        "visits.create",
        "changes.preview_edit",
        "changes.confirm_edit",
        "changes.preview_ask",
        "changes.confirm_ask",
        "changes.confirm_cancel",
    }
)
ADMIN_FORMS = frozenset(
    {
        "settings.save",
        "languages.save",
        "companies.add",
        "companies.save",
        "groups.add",
        "groups.save",
        "users.invite",
        "users.save",
        "users.deactivate",
        "displays.add",
    }
)
DRAFTS = VISIT_FORMS | ADMIN_FORMS
"""Endpoints whose filled-in form survives a lost login."""

STAYS = "Everything you filled in is still here. Press the button at the end of the form, log in, and go on."

TOUCH_EVERY = timedelta(seconds=30)


def viewer() -> Viewer:
    """The logged-in person; only for views behind the guard."""
    found: Viewer = current_user.viewer
    return found


def guard(app: Flask) -> None:
    """Put the table in front of every view."""

    @app.before_request
    def check() -> Response | None:
        endpoint = request.endpoint
        if endpoint in PUBLIC:
            return None
        if endpoint in DISPLAY:
            return admit_display()
        signed_in = current_user.is_authenticated
        if endpoint is None:
            return None  # not found; by now the error page knows who reads it
        if not signed_in:
            return forget_pages(_to_login(endpoint)) if "_user_id" in session else _to_login(endpoint)
        person = viewer()
        if person.scope.role not in ACCESS.get(endpoint, frozenset()):
            note_refusal("role")
            abort(403)
        by_itself = endpoint in NO_ACTIVITY or (endpoint in RELOADED and is_fragment())
        if not by_itself and request_now() - person.last_seen_at > TOUCH_EVERY:
            touch_session(current_user.get_id(), now=request_now())
            g.pop("has_committed")  # it is nothing of what was asked for
        return None


def _to_login(endpoint: str) -> Response:
    """To the login, and back afterwards; a form that was sent comes along, sealed.

    What HTMX asks while a form is filled in takes nobody away from it: its own button leads to the login.
    """
    if holds_form():
        return form_notice(401, "You have been logged out", STAYS)
    if request.headers.get("HX-Request") == "true":
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login", next=_shown_path())})
    if endpoint in DRAFTS and request.method == "POST":
        return lost_login_page()
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("auth.login", next=back), 303)


def _shown_path() -> str | None:
    """The page that HTMX asks from, if it says so in a way that can be read."""
    try:
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return None
    return shown.path + (f"?{shown.query}" if shown.query else "") or None
