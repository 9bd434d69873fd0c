"""What both apps are built from: the app itself, its templates, error pages, headers, and the page helper."""

import hashlib
import logging
import string
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes

import flask_migrate
from flask import Flask, Request, Response, current_app, g, make_response, render_template, request, url_for
from flask_mail import Mail
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.routing import IntegerConverter, MapAdapter

from shared import clock, edge, times
from shared.db import DATABASE_ERRORS, database_fault, db, engine_options, prepare_engine
from shared.errors import BusyError, CommitInDoubtError, DomainError, NotFoundError
from shared.meeting import MeetingProvider, pin_text, provider_from
from shared.settings import Settings
from shared.states import BADGE_WORDS, BadgeKind
from shared.tokens import Tokens

ROOT = Path(__file__).parents[1]
MAX_BODY_BYTES = 256 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What views need besides the request."""

    settings: Settings
    tokens: Tokens
    meeting: MeetingProvider


class IdConverter(IntegerConverter):
    """Ids in URLs: nothing larger than the database's integers."""

    def __init__(self, url_map: Any) -> None:
        super().__init__(url_map, max=2**63 - 1)


class FormParser(FormDataParser):
    """Reads forms so that bytes which are no UTF-8 become U+FFFD, which fields refuse, and not text like %E9.

    Files are left out: no form takes one, and a field that expects text could do nothing with it.
    """

    def parse(self, stream: Any, mimetype: str, content_length: int | None, options: Any = None) -> Any:
        """The form's values; what is no form at all gives none."""
        if mimetype != "application/x-www-form-urlencoded":
            rest, form, _files = super().parse(stream, mimetype, content_length, options)
            return rest, form, self.cls()
        pairs = parse_qsl(stream.read().decode(errors="replace"), keep_blank_values=True, errors="replace")
        return stream, self.cls(pairs), self.cls()


class AppRequest(Request):
    """A request whose form and address can be read whatever bytes they are made of."""

    form_data_parser_class = FormParser

    def _get_file_stream(self, *_about: Any, **_more: Any) -> BytesIO:
        """Where a file would go that somebody sends. No form takes one, so it stays in memory, as small as any form."""
        return BytesIO()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.query_string = quote_from_bytes(self.query_string, safe=string.punctuation).encode()


class App(Flask):
    """Flask, with one habit changed: an error's log line names the endpoint, since paths hold secret links."""

    request_class = AppRequest

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Where addresses are looked up, also for a Host header that can't be read: its error page has links too."""
        try:
            return super().create_url_adapter(request)
        except BadHost:
            assert request is not None
            return self.url_map.bind("", path_info=request.path, default_method=request.method)

    def log_exception(self, exc_info: Any) -> None:
        """Log a bug with its traceback, without the path."""
        log.error("Unexpected error in %s %s", request.method, request.endpoint, exc_info=exc_info)


def create_base(name: str, settings: Settings) -> App:
    """An app with database, mail and templates of its own folder, but without views."""
    settings.instance_path.mkdir(parents=True, exist_ok=True)
    app = App(name, root_path=str(ROOT), static_folder="static", instance_path=str(settings.instance_path))
    edge.prepare(app, settings, settings.portal_url if name == "portal" else settings.vendor_portal_url)
    app.config.update(
        DEBUG=settings.development and app.debug,  # Flask has read FLASK_DEBUG by now: it decides in development alone
        SECRET_KEY=settings.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=500,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        MAIL_SERVER=settings.mail_server,
        MAIL_PORT=settings.mail_port,
        MAIL_USE_TLS=settings.mail_use_tls,
        MAIL_USERNAME=settings.mail_username,
        MAIL_PASSWORD=settings.mail_password,
        MAIL_DEFAULT_SENDER=settings.mail_sender,
    )
    app.url_map.converters["id"] = IdConverter
    app.extensions["services"] = Services(settings, Tokens(settings.secret_keys), provider_from(settings))
    db.init_app(app)
    flask_migrate.Migrate(app, db, directory=str(ROOT / "shared" / "migrations"), render_as_batch=True)
    with app.app_context():
        prepare_engine(db.engine)
    Mail(app)
    _prepare_templates(app, name)
    _prepare_errors(app)
    return app


def services() -> Services:
    """The running app's services."""
    found: Services = current_app.extensions["services"]
    return found


def request_now() -> datetime:
    """The instant at which this HTTP request began: read once, so that one page has one present."""
    if "now" not in g:
        g.now = clock.utc_now()
    now: datetime = g.now
    return now


def is_fragment() -> bool:
    """Whether HTMX asks for a part of a page: not for a boosted link, nor to restore history."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def page(template: str, /, *, status: int = 200, fragment: str = "", **context: Any) -> Response:
    """Answer with a page, or with its fragment where HTMX asks for a part and the page has one."""
    response = make_response(render_template(fragment if fragment and is_fragment() else template, **context), status)
    if fragment:
        response.vary.add("HX-Request")
    return response


def holds_form() -> bool:
    """Whether HTMX asks from a page that holds a form, which must stay whatever the answer is."""
    return is_fragment() and request.headers.get("Holds-Form") == "true"


def form_notice(status: int, title: str, sentence: str) -> Response:
    """What kept something from being done, for a page that stays as it is. A poll that gets it is the last one, unless
    the fault is ours: then it goes on, more slowly, and takes the notice away when all is well."""
    is_poll, is_ours = request.headers.get("HX-Trigger") == "watch", status >= 500
    if is_poll and is_ours and "late" in request.args:
        return Response(status=status, headers={"HX-Reswap": "none"})
    response = page(
        "shared/form_notice.html",
        status=status,
        title=title,
        sentence=sentence,
        slows_watch=is_poll and is_ours,
        stops_watch=is_poll and not is_ours,
    )
    response.headers.update({"HX-Retarget": "#form-notice", "HX-Reselect": "#form-notice", "HX-Reswap": "outerHTML"})
    return response


def error_page(status: int, title: str, sentence: str) -> Response:
    """An error in the app's own clothes, that needs neither login nor database. A page that HTMX asks from stays and
    shows it, if it holds a form or if the fault is ours; a form that was sent is kept in it, to be sent again."""
    if holds_form() or (status >= 500 and is_fragment()):
        is_poll = status >= 500 and request.headers.get("HX-Trigger") == "watch"
        response = form_notice(status, *(_STALE if is_poll else (title, sentence)))
    else:
        kept = _sent_form() if status >= 500 else ()
        response = make_response(
            render_template("error.html", status=status, title=title, sentence=sentence, kept=kept), status
        )
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response


def _sent_form() -> tuple[tuple[str, str], ...]:
    """What was typed into a form that could not be taken; nothing of a form that may hold a secret."""
    try:
        sent = request.form
    except HTTPException:
        return ()
    return tuple(sent.items(multi=True)) if TYPED_FORMS & set(sent) else ()


TYPED_FORMS = frozenset({"author", "nonce", "reason"})
"""Fields by which forms are known that hold something typed and no secret."""

_STALE = ("Not up to date", "The database can't be reached, so what this page shows may be old. It goes on by itself.")
_IN_DOUBT = (
    "We can't tell whether that was saved",
    "The database went away at the very moment. Try again: what was done already is not done twice.",
)

_ERROR_WORDS = {
    400: ("That did not arrive as it should", "Go back, reload the page and try again."),
    403: ("Not yours to see", "Your role does not include this page. Ask an administrator of your clinic."),
    404: ("Page not found", "Check the address, or start from the first page."),
    405: ("That can't be done here", "Go back and use the buttons on the page."),
    413: ("Too much at once", "What was sent is larger than this form takes. Go back and shorten it."),
    500: (
        "Something went wrong on our side",
        "Nothing you sent was half-done. Try again; if it happens twice, tell your administrator.",
    ),
    503: (
        "Not available for a moment",
        "The database can't be reached. Nothing was changed. Try again shortly.",
    ),
}


def _prepare_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        status = error.code or 500
        if status < 400 or error.response is not None:
            return error
        title, sentence = _ERROR_WORDS.get(status, (error.name, "Go back and try again."))
        response = error_page(status, title, sentence)
        if status == 405:
            response.headers.extend(error.get_headers())
            response.content_type = "text/html; charset=utf-8"
        return response

    @app.errorhandler(DomainError)
    def domain_error(error: DomainError) -> Response:
        is_gone = isinstance(error, NotFoundError)
        title = "Page not found" if is_gone and not holds_form() else "That can't be done"
        return error_page(404 if is_gone else 409, title, error.sentence)

    @app.errorhandler(BusyError)
    def busy(_error: BusyError) -> Response:
        log.warning("Too much at once in %s", request.endpoint)
        sentence = "Nothing was changed. Go back and try again in a few seconds."
        return error_page(503, "Many people are logging in just now", sentence)

    def database_error(error: Exception) -> Response:
        fault = database_fault(error)
        if not fault:
            raise error
        log.error("Database not available in %s: %s", request.endpoint, fault)
        is_doubtful = isinstance(error, CommitInDoubtError) or "has_committed" in g
        return error_page(503, *(_IN_DOUBT if is_doubtful else _ERROR_WORDS[503]))

    for kind in DATABASE_ERRORS:
        app.register_error_handler(kind, database_error)


def _prepare_templates(app: Flask, name: str) -> None:
    """Each app loads its own templates and the shared ones: the public app can't render a page of the clinic's."""
    app.jinja_loader = ChoiceLoader(
        [
            FileSystemLoader(ROOT / "templates" / name),
            PrefixLoader({"shared": FileSystemLoader(ROOT / "templates" / "shared")}),
        ]
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(times.FILTERS, pin=pin_text)
    versions: dict[str, str] = {}

    def asset(filename: str) -> str:
        """A static file's address with its content's hash, so that browsers may keep it."""
        if filename not in versions or app.debug:
            content = (ROOT / "static" / filename).read_bytes()
            versions[filename] = hashlib.sha256(content).hexdigest()[:10]
        return url_for("static", filename=filename, v=versions[filename])

    app.jinja_env.globals.update(asset=asset, BadgeKind=BadgeKind, BADGE_WORDS=BADGE_WORDS)
