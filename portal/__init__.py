"""The clinic's app: logged in, deny by default."""

from flask import Flask

from portal import access, auth, board, dev, live, schedule, visits
from shared.settings import Settings
from shared.web import create_base


def create_portal(settings: Settings) -> Flask:
    """The portal with its settings. /dev exists only where the settings say so."""
    app = create_base("portal", settings)
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a form may stay open as long as its login
    app.config["WTF_CSRF_SSL_STRICT"] = False  # it wants a Referer, which our own Referrer-Policy keeps back
    access.guard(app)
    auth.prepare(app)
    for module in (auth, schedule, board, visits, live):
        app.register_blueprint(module.bp)
    if settings.dev_mailbox:
        app.register_blueprint(dev.bp)
    return app
