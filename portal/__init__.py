"""The clinic's app: logged in, deny by default."""

from flask import Flask

from portal import (
    access,
    account,
    auth,
    board,
    changes,
    dev,
    display,
    factors,
    live,
    passwords,
    schedule,
    search,
    second_step,
    visits,
)
from portal.admin import companies, displays, groups, languages, lost_mail, patients, trail, users
from portal.admin import settings as clinic_settings
from portal.browsers import SessionCookie, cookie_name
from portal.drafts import author_token
from shared.probes import add_probes
from shared.settings import Settings
from shared.web import create_base
from shared.wrong_links import limiter


def create_portal(settings: Settings) -> Flask:
    """The portal with its settings. /dev exists only where the settings say so."""
    app = create_base("portal", settings)
    app.session_interface = SessionCookie()
    app.config["SESSION_COOKIE_NAME"] = cookie_name(settings, "session")
    app.config["WTF_CSRF_SECRET_KEY"] = list(reversed(settings.secret_keys))  # the last signs, all verify
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a form may stay open as long as its login
    app.config["WTF_CSRF_SSL_STRICT"] = False  # it wants a Referer, which our own Referrer-Policy keeps back
    limiter.init_app(app)
    access.guard(app)
    auth.prepare(app)
    app.jinja_env.globals["author_token"] = author_token
    administration = (clinic_settings, languages, companies, groups, users, patients, displays, lost_mail, trail)
    logging_in = (auth, second_step, passwords, account, factors)
    for module in (*logging_in, schedule, search, board, visits, changes, live, display, *administration):
        app.register_blueprint(module.bp)
    add_probes(app, settings)
    if settings.dev_mailbox:
        app.register_blueprint(dev.bp)
    return app
