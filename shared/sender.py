"""Sends due mail: connect, then claim, render, send and mark one after the other. The only code that talks SMTP."""

import logging
import random
import secrets
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from enum import StrEnum
from pathlib import Path
from threading import Event

from flask_mail import Connection, Mail

from shared.actions import (
    ClaimedMail,
    bring_mail_forward,
    claim_mail,
    drop_mail,
    mark_mail_refused,
    mark_mail_sent,
    put_off_mail,
)
from shared.actions.deliveries import LEASE
from shared.db import DATABASE_ERRORS, database_fault
from shared.mails import MailRenderer, UnmailableError
from shared.metrics import MAILS
from shared.queries import letter_of, mail_is_ahead_of_time, mail_is_due
from shared.states import MailState

log = logging.getLogger(__name__)

WIRE_POLICY = SMTP_POLICY.clone(cte_type="7bit")
"""Seven bits on the wire: no relay on the way needs 8BITMIME."""

LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_CYCLE = timedelta(seconds=30)
"""After which one cycle leaves the rest to the next, so that a long queue does not look like a job that hangs."""
MARK_PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 15, 30, 60)
"""Between the tries to write down what became of a mail: together well within its lease."""

NOBODY_THERE = frozenset({550, 551, 553})


class Verdict(StrEnum):
    """What became of a try. DROPPED and DEAD are our own: it became pointless, or was tried for long enough."""

    TAKEN = "taken"
    LATER = "later"
    REFUSED = "refused"
    DROPPED = "dropped"
    DEAD = "dead"


SETTLED = {MailState.DEAD: Verdict.DEAD, MailState.DROPPED: Verdict.DROPPED}
"""What became of a mail that was to be put off and was not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the mail server made of one message. ``broken``: the connection is of no more use; ``in_doubt``: it broke
    off so late that the server may have taken the message."""

    verdict: Verdict
    words: str
    nobody_there: bool = False
    broken: bool = False
    in_doubt: bool = False


class TimedConnection(Connection):
    """Flask-Mail's connection with a time-out, which Flask-Mail itself never sets, and a QUIT that may fail."""

    def __init__(self, mail: Mail, timeout_seconds: int, ca_file: Path | None) -> None:
        super().__init__(mail)
        self._timeout_seconds = timeout_seconds
        self._ca_file = ca_file

    def configure_host(self) -> smtplib.SMTP:
        """Connect, secure and log in. Raises OSError or SMTPException."""
        host = smtplib.SMTP(self.mail.server, self.mail.port, timeout=self._timeout_seconds)
        try:
            if self.mail.use_tls:  # its certificate must name MAIL_SERVER and be signed by somebody we trust
                host.starttls(context=ssl.create_default_context(cafile=self._ca_file))
            host.ehlo_or_helo_if_needed()
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except (OSError, smtplib.SMTPException):
            host.close()
            raise
        return host

    def __exit__(self, *_exc: object) -> None:
        """QUIT, if the server still listens: what it took before stays taken."""
        if self.host is None:
            return
        try:
            self.host.quit()
        except (OSError, smtplib.SMTPException):
            self.host.close()


def mail_server_fault(mail: Mail, *, timeout_seconds: int, ca_file: Path | None) -> str:
    """What keeps mail from leaving, in a sentence that says what to mend; empty if nothing does.

    Connects, secures, logs in and quits as sending does, without a message.
    """
    try:
        with TimedConnection(mail, timeout_seconds, ca_file):
            return ""
    except smtplib.SMTPAuthenticationError:
        return "It refuses the login. Check MAIL_USERNAME and MAIL_PASSWORD."
    except smtplib.SMTPNotSupportedError:
        wanted = "a login (MAIL_USERNAME)" if not mail.use_tls else "STARTTLS (MAIL_USE_TLS), or a login after it"
        return f"It does not offer {wanted}. Check MAIL_PORT, and ask whoever runs it."
    except ssl.SSLCertVerificationError as error:
        return f"Its certificate is not trusted ({error.verify_message}). Check MAIL_SERVER, or set MAIL_CA_FILE."
    except ssl.SSLError:
        return "The connection can't be encrypted. Check MAIL_PORT and MAIL_USE_TLS."
    except (TimeoutError, smtplib.SMTPServerDisconnected):  # smtplib makes one of the other in mid-talk
        return f"It hangs up, or does not answer within {timeout_seconds} s. Check MAIL_PORT, MAIL_USE_TLS, firewalls."
    except (OSError, smtplib.SMTPException) as error:
        return f"It can't be reached ({type(error).__name__}). Check MAIL_SERVER and MAIL_PORT."


class Sender:
    """One outbox worker. Any number of them may run at once."""

    def __init__(
        self, mail: Mail, renderer: MailRenderer, *, sender: str, timeout_seconds: int, ca_file: Path | None
    ) -> None:
        self._mail = mail
        self._renderer = renderer
        self._sender = sender
        self._timeout_seconds = timeout_seconds
        self._ca_file = ca_file
        self._owner = secrets.token_hex(8)
        self._dice = random.Random()  # noqa: S311 # nosec B311 # spreads retries, guards nothing
        self._failures = 0
        self._pause_until: datetime | None = None
        self._stopped = Event()

    def stop(self) -> None:
        """Claim no more. The mail in hand is finished. From any thread."""
        self._stopped.set()

    def send_due(self, now: Callable[[], datetime]) -> int:
        """Send what is due and return how many mails left. ``now`` is read anew for each mail.

        Connects before it claims: while the mail server is away mails stay queued and no try is counted. After a
        failed connection it waits a little longer each time, at most a minute.
        """
        if mail_is_ahead_of_time(LEASE, now=now()):
            bring_mail_forward(now=now())
        if self._pauses(now()):
            return 0
        if not mail_is_due(now=now()):
            self._failures = 0  # whatever waited has gone
            return 0
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(TimedConnection(self._mail, self._timeout_seconds, self._ca_file))
            except (OSError, smtplib.SMTPException) as error:
                self._pause(error, now())
                return 0
            self._failures, self._pause_until = 0, None
            assert connection.host is not None
            return self._drain(connection.host, now)

    @property
    def waits(self) -> bool:
        """Whether mail was due and the mail server could not be reached, or refused the login."""
        return self._failures > 0

    def _drain(self, host: smtplib.SMTP, now: Callable[[], datetime]) -> int:
        sent, began = 0, now()
        while not self._stopped.is_set() and abs(now() - began) < LONGEST_CYCLE:
            claimed = claim_mail(owner=self._owner, now=now())
            if claimed is None:
                break
            reply = self._send(host, claimed, now)
            _tell(claimed, reply)
            sent += reply.verdict is Verdict.TAKEN
            if reply.broken:
                break
        return sent

    def _pauses(self, at: datetime) -> bool:
        """Whether to wait still. A pause that seems longer than any is one of a clock that was set back since."""
        return self._pause_until is not None and timedelta() < self._pause_until - at <= LONGEST_PAUSE

    def _pause(self, error: Exception, at: datetime) -> None:
        self._failures += 1
        self._pause_until = at + min(LONGEST_PAUSE, timedelta(seconds=2 ** min(self._failures, 6)))
        if isinstance(error, smtplib.SMTPAuthenticationError):
            self._pause_until = at + LONGEST_PAUSE
            log.error("The mail server refuses the login: check MAIL_USERNAME and MAIL_PASSWORD. Mail waits.")
        elif isinstance(error, ssl.SSLCertVerificationError):
            self._pause_until = at + LONGEST_PAUSE
            log.error("The mail server's certificate is not trusted: run `check`. Mail waits.")
        else:
            log.warning("The mail server can't be reached (%s). Mail waits.", type(error).__name__)

    def _send(self, host: smtplib.SMTP, claimed: ClaimedMail, now: Callable[[], datetime]) -> Reply:
        """Send one claimed mail, if it has not become pointless, and settle it."""
        due = letter_of(claimed.id, now=now())
        if due is None or due.pointless:
            drop_mail(claimed, now=now())
            return Reply(Verdict.DROPPED, "")
        if claimed.worn_out:
            put_off_mail(claimed, error="tried for 72 hours", jitter=1.0, now=now())
            return Reply(Verdict.DEAD, "")
        try:
            message = self._renderer.render(due.letter)
        except UnmailableError as error:
            mark_mail_refused(claimed, error=str(error), nobody_there=True, now=now())
            return Reply(Verdict.REFUSED, "")
        reply = submit(host, self._sender, due.letter.recipient, message)
        return _persist(lambda: self._mark(claimed, reply, now()))

    def _mark(self, claimed: ClaimedMail, reply: Reply, at: datetime) -> Reply:
        if reply.verdict is Verdict.TAKEN:
            mark_mail_sent(claimed, now=at)
        elif reply.verdict is Verdict.REFUSED:
            mark_mail_refused(claimed, error=reply.words, nobody_there=reply.nobody_there, now=at)
        else:
            jitter = self._dice.random()
            state = put_off_mail(claimed, error=reply.words, in_doubt=reply.in_doubt, jitter=jitter, now=at)
            return replace(reply, verdict=SETTLED.get(state, reply.verdict)) if state else reply
        return reply


def _persist(mark: Callable[[], Reply]) -> Reply:
    """Write down what became of a mail, also if the database is away for a while: the mail server takes nothing back,
    and a mail that is not marked would leave once more."""
    for pause in MARK_PAUSES_SECONDS:
        try:
            return mark()
        except DATABASE_ERRORS as error:
            if not database_fault(error):
                raise
            log.warning("A mail can't be marked (%s). It is tried again.", database_fault(error))
        time.sleep(pause)
    return mark()


def _tell(claimed: ClaimedMail, reply: Reply) -> None:
    """One log line and one count. Of the server's words the stage and the code: the rest may hold an address."""
    MAILS.labels(claimed.kind, reply.verdict).inc()
    told = {
        "mail_id": claimed.id,
        "kind": claimed.kind,
        "verdict": reply.verdict,
        "reply": " ".join(reply.words.split()[:2]),
        "clinic_id": claimed.clinic_id,
        "request_id": claimed.request_id,
        "invite_id": claimed.invite_id,
    }
    log.info("Mail", extra={name: value for name, value in told.items() if value not in {None, ""}})


def submit(host: smtplib.SMTP, sender: str, recipient: str, message: EmailMessage) -> Reply:
    """One message to one recipient, stage by stage, because the same error means different things at each.

    4xx and a broken talk: later. 5xx: refused; at RCPT it may mean that nobody is there.
    """
    stage = "MAIL"
    try:
        code, words = host.mail(sender)
        if code == 250:
            stage = "RCPT"
            code, words = host.rcpt(recipient)
            if code in {250, 251}:
                stage = "DATA"
                code, words = host.data(message.as_bytes(policy=WIRE_POLICY))
    except smtplib.SMTPDataError as error:  # before the message itself was sent
        reply = _judge(stage, error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return Reply(Verdict.LATER, f"{stage}: {type(error).__name__}", broken=True, in_doubt=stage == "DATA")
    else:
        if stage == "DATA" and code == 250:
            return Reply(Verdict.TAKEN, "")
        reply = _judge(stage, code, words)
    return reply if reply.broken or _forget(host) else replace(reply, broken=True)


def _forget(host: smtplib.SMTP) -> bool:
    """End the transaction that a refusal left open, or the next message would be refused for it."""
    try:
        return host.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def _nobody_there(stage: str, code: int, said: str) -> bool:
    """Whether the refusal is about the mailbox and not, as 5.7.x says, about policy."""
    return stage == "RCPT" and code in NOBODY_THERE and not said.startswith("5.7.")


def _judge(stage: str, code: int, words: bytes | str) -> Reply:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    text = f"{stage}: {code} {' '.join(said.split())}"
    if 500 <= code < 600:
        return Reply(Verdict.REFUSED, text, nobody_there=_nobody_there(stage, code, said))
    return Reply(Verdict.LATER, text, broken=code in {-1, 421})
