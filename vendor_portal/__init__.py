"""The companies' app: public, no login, no cookie. It can render nothing of the clinic's pages."""

from flask import Flask

from shared.probes import add_probes
from shared.settings import Settings
from shared.web import create_base
from shared.wrong_links import limiter
from vendor_portal import dev, meet, respond


def create_vendor_portal(settings: Settings) -> Flask:
    """The vendor portal with its settings. /dev/room exists only in development."""
    app = create_base("vendor_portal", settings)
    limiter.init_app(app)
    app.register_blueprint(respond.bp)
    app.register_blueprint(meet.bp)
    add_probes(app, settings)
    if settings.development:
        app.register_blueprint(dev.bp)
    return app
