"""Development only: the mails that the development mail server received."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default

from flask import Blueprint, abort, make_response
from werkzeug.wrappers import Response as BaseResponse

from shared.edge import CSP
from shared.web import page, services

bp = Blueprint("dev", __name__, url_prefix="/dev")

NEWEST = 200
MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation-by-user-activation; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One received mail; ``key`` names its file in the Maildir."""

    key: str
    subject: str
    recipient: str
    date: str
    text: str


@bp.get("/mailbox")
def mailbox() -> BaseResponse:
    """All mails, newest first."""
    response = page("dev/mailbox.html", mails=[_received(key, message) for key, message in _mails()])
    response.headers["Content-Security-Policy"] = f"{CSP}; frame-src 'self'"
    return response


@bp.get("/mailbox/<key>")
def show_mail(key: str) -> BaseResponse:
    """One mail's HTML, as its reader sees it; links open in the whole window."""
    found = dict(_mails()).get(key)
    body = found.get_body(("html", "plain")) if found is not None else None
    if body is None:
        abort(404)
    html = _content(body).replace("<head>", '<head><base target="_top">', 1).replace('target="_blank"', 'target="_top"')
    response = make_response(html)
    response.headers["Content-Security-Policy"] = MAIL_CSP
    return response


def _mails() -> list[tuple[str, EmailMessage]]:
    """The newest mails of the Maildir, newest first."""
    folder = services().settings.mailbox_path / "new"
    files = sorted(folder.glob("*"), key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)[:NEWEST]
    return [(file.name, message_from_bytes(file.read_bytes(), policy=default)) for file in files]


def _content(part: MIMEPart) -> str:
    """A part's text; a charset that nobody knows is read as UTF-8."""
    try:
        return str(part.get_content())
    except LookupError:
        return bytes(part.get_payload(decode=True)).decode(errors="replace")


def _received(key: str, message: EmailMessage) -> ReceivedMail:
    text = message.get_body(("plain",))
    return ReceivedMail(
        key=key,
        subject=str(message["Subject"]),
        recipient=str(message["To"]),
        date=str(message["Date"]),
        text=_content(text) if text else "",
    )
