"""Turns a letter into a MIME message: text, HTML (from MJML) and, for the winner, a calendar file."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from mjml import mjml2html

from shared import times
from shared.mails.calendar import calendar_files
from shared.mails.letters import Letter, PasswordLetter
from shared.meeting import pin_text
from shared.settings import MAIL_ADDRESS, Settings
from shared.states import MailKind
from shared.tokens import LinkKind, Tokens

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"

_SUBJECTS = {
    MailKind.INVITE: "Request for {language} Interpreter",
    MailKind.FILLED: "Filled, nothing to do",
    MailKind.CONFIRMATION: "Confirmed: {language} Interpreter",
    MailKind.UPDATED: "Updated: {language} Interpreter",
    MailKind.CANCELLATION: "Cancelled: {language} Interpreter",
    MailKind.WITHDRAWN: "Withdrawn, nothing to do",
    MailKind.CLINIC_ACCEPTED: "Interpreter accepted",
    MailKind.CLINIC_ALL_DECLINED: "All companies declined",
    MailKind.CLINIC_EXPIRED: "Request expired, nobody accepted",
    MailKind.CLINIC_UNDELIVERABLE: "Request could not be delivered",
    MailKind.CLINIC_CONFIRMATION_BOUNCED: "Confirmation could not be delivered",
    MailKind.CLINIC_CANCELLATION_BOUNCED: "Cancellation could not be delivered",
    MailKind.USER_INVITE: "Your account is ready",
    MailKind.PASSWORD_RESET: "Choose a new password",
}


_WITH_CALENDAR = frozenset({MailKind.CONFIRMATION, MailKind.UPDATED, MailKind.CANCELLATION})


@cache
def _templates() -> Environment:
    """One for the process: what it has compiled serves every renderer."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["mjml"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(times.FILTERS, pin=pin_text)
    return templates


class UnmailableError(ValueError):
    """The recipient's address can't stand in a mail: nothing that is tried later will change that."""


class MailRenderer:
    """Renders letters; holds what links are made of. Reads no clock and no database."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._settings = settings
        self._tokens = tokens
        self._templates = _templates()

    def render(self, letter: Letter | PasswordLetter) -> EmailMessage:
        """The message, ready to send. The same letter gives the same message, Message-ID and Date included."""
        letter = letter.legible()
        if not MAIL_ADDRESS.fullmatch(letter.recipient):
            raise UnmailableError(f"Not a mail address: {letter.recipient!r}")
        urls = self._urls(letter) if isinstance(letter, Letter) else self._password_url(letter)
        message = EmailMessage()
        message["From"] = _mailbox(f"{letter.clinic_name} via Interpreter Dispatch", self._sender)
        message["To"] = _mailbox("", letter.recipient)
        if MAIL_ADDRESS.fullmatch(letter.contact_email):  # a slip in it must not keep the clinic's mail from leaving
            message["Reply-To"] = _mailbox(letter.clinic_name, letter.contact_email)
        message["Subject"] = subject_of(letter)
        message["Date"] = format_datetime(letter.created_at)
        message["Message-ID"] = f"<{letter.message_id}@{self._settings.mail_domain}>"
        message["Auto-Submitted"] = "auto-generated"
        context = {"letter": letter, "subject": subject_of(letter), **urls}
        text = self._templates.get_template(f"{letter.kind}.txt").render(context)
        html = mjml2html(self._templates.get_template(f"{letter.kind}.mjml").render(context))
        message.set_content(text, cte="quoted-printable")  # 8bit asks the server for 8BITMIME, which not all have
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        if isinstance(letter, Letter) and letter.kind in _WITH_CALENDAR:
            self._add_calendar(message, letter, urls["guest_url"])
        return message

    @property
    def _sender(self) -> str:
        return parseaddr(self._settings.mail_sender)[1]

    def _urls(self, letter: Letter) -> dict[str, str]:
        """The links of a letter; those that its kind has no use for are empty."""
        vendor, urls = (
            self._settings.vendor_portal_url,
            dict.fromkeys(("accept_url", "decline_url", "guest_url"), ""),
        )
        if letter.kind is MailKind.INVITE:
            token = self._tokens.link(LinkKind.INVITE, letter.link_id)
            urls |= {"accept_url": f"{vendor}/r/{token}/accept", "decline_url": f"{vendor}/r/{token}/decline"}
        if letter.kind in {MailKind.CONFIRMATION, MailKind.UPDATED}:
            urls["guest_url"] = f"{vendor}/meet/{self._tokens.link(LinkKind.GUEST, letter.guest_id)}"
        urls["visit_url"] = f"{self._settings.portal_url}/visits/{letter.own_visit_id or letter.first.visit_id}"
        return urls

    def _password_url(self, letter: PasswordLetter) -> dict[str, str]:
        token = self._tokens.link(LinkKind.PASSWORD, letter.link_id)
        return {"password_url": f"{self._settings.portal_url}/password/set/{token}"}

    def _add_calendar(self, message: EmailMessage, letter: Letter, guest_url: str) -> None:
        """The file twice: as the last alternative, which calendars act on, and as an attachment, which people find.

        An update that ends one of several entries has a second file, which can only be attached.
        """
        files = calendar_files(letter, sender=self._sender, guest_url=guest_url)
        message.add_alternative(
            files[0].content,
            maintype="text",
            subtype="calendar",
            params={"method": files[0].method.value, "charset": "utf-8"},
        )
        for file, name in zip(files, ("visit.ics", "cancelled.ics"), strict=False):
            message.add_attachment(file.content, maintype="application", subtype="ics", filename=name)


def _mailbox(name: str, address: str) -> Address:
    """A name with its address for a header. Raises ValueError for what no mail server takes.

    Marks that part or quote addresses become blanks: Python folds a long name without its quotes (gh-121284), and
    what stood in them would count as addresses.
    """
    if not MAIL_ADDRESS.fullmatch(address):
        raise ValueError(f"Not a mail address: {address!r}")
    return Address(" ".join(re.sub(r'[<>@,;:"()\[\]\\]', " ", name).split()), addr_spec=address)


def subject_of(letter: Letter | PasswordLetter) -> str:
    """What it is, the date in the visit's zone, the appointment number; without a visit the clinic."""
    if isinstance(letter, PasswordLetter):
        return f"{_SUBJECTS[letter.kind]} · {letter.clinic_name}"
    what, visit = _SUBJECTS[letter.kind], letter.first
    if letter.kind is MailKind.UPDATED and letter.just_left:
        gone, visit = len(letter.just_left), letter.just_left[0]
        what = f"{gone} {'date' if gone == 1 else 'dates'} no longer yours: {{language}} Interpreter"
    what = what.format(language=letter.language_short_name)
    return f"{what} · {times.date_text(visit.starts_at, visit.time_zone)} · {letter.reference}"
