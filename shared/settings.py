"""Typed settings, read once from the environment and checked at start."""

import os
import re
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.errors import SettingsError

MAIL_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
"""What every mail server takes as an address, of senders and recipients."""

_SENDER = re.compile(rf"{MAIL_ADDRESS.pattern}|[^<>]*<{MAIL_ADDRESS.pattern}>")
"""An address, alone or behind a name."""

LONGEST_MAIL_TIMEOUT_SECONDS = 60
"""A worker's lease on a mail has to outlive it, several times over."""

SHORTEST_SECRET = 32
"""In characters: as hexadecimal digits of a generator these are 128 bits."""

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")

DATABASES = ("sqlite:///", "postgresql+psycopg://")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation decides. Units are in the names; secrets never show in ``repr``."""

    development: bool
    instance_path: Path
    database_url: str = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    """Newest first: the first signs, all verify, so that a key can be rotated without killing open links."""
    portal_url: str
    vendor_portal_url: str
    mail_server: str
    mail_port: int
    mail_use_tls: bool
    mail_username: str | None
    mail_password: str | None = field(repr=False)
    mail_sender: str
    mail_timeout_seconds: int
    meeting_url: str
    meeting_jwt_app_id: str | None
    meeting_jwt_secret: str | None = field(repr=False)
    conference_domain: str
    conference_mapper_secret: str | None = field(repr=False)
    leaked_passwords_file: Path | None
    """SHA-1 hashes of passwords that nobody may choose, in order."""
    session_idle_minutes: int
    session_absolute_hours: int
    keep_logins_days: int
    dev_mailbox: bool
    secure_cookies: bool
    # How it is watched, and what stands around it.
    log_format: str
    metrics_address: str
    portal_metrics_port: int | None
    vendor_metrics_port: int | None
    jobs_port: int | None
    proxy_count: int
    trusted_hosts: tuple[str, ...]
    """Further names under which the portals may be asked, beside those of their own addresses."""
    mail_ca_file: Path | None

    @property
    def mailbox_path(self) -> Path:
        """The development mail server's Maildir."""
        return self.instance_path / "mailbox"

    @property
    def session_idle(self) -> timedelta:
        """How long a login stays open without activity."""
        return timedelta(minutes=self.session_idle_minutes)

    @property
    def session_absolute(self) -> timedelta:
        """How long a login stays open at all."""
        return timedelta(hours=self.session_absolute_hours)

    @property
    def mail_domain(self) -> str:
        """Right-hand side of every Message-ID."""
        return self.mail_sender.rpartition("@")[2].rstrip("> ")


class _Reader:
    """Reads variables and collects what is wrong with them, so that one start shows every fault."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def text(self, name: str, default: str | None = None, *, needed: bool = False) -> str | None:
        value = self.environ.get(name, "").strip() or default
        if needed and not value:
            self.faults.append(f"{name} is missing")
        return value

    def secret(self, name: str) -> str | None:
        """A secret, or what the file holds that NAME_FILE names: an environment is seen by more people than a file."""
        value, file = self.text(name), self.text(f"{name}_FILE")
        if file is None:
            return value
        if value is not None:
            self.faults.append(f"{name} and {name}_FILE exclude each other")
            return value
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            self.faults.append(f"{name}_FILE can't be read: {error.strerror}")
        except ValueError:
            self.faults.append(f"{name}_FILE holds no text")
        else:
            if not value:
                self.faults.append(f"{name}_FILE is empty")
        return value

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value).resolve() if value else None

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        raw = self.environ.get(name, "").strip()
        if not raw:
            return default
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            self.faults.append(f"{name} must be a whole number from {low} to {high}")
            return default
        return int(raw)

    def port(self, name: str) -> int | None:
        return self.number(name, 0, low=1, high=65535) or None

    def file(self, name: str) -> Path | None:
        value = self.text(name)
        if value and not Path(value).is_file():
            self.faults.append(f"{name} must be a file that exists")
        return Path(value) if value else None

    def flag(self, name: str, *, default: bool) -> bool:
        raw = self.environ.get(name, "").strip().lower()
        if raw in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
            return raw in {"1", "true", "yes", "on"} if raw else default
        self.faults.append(f"{name} must be 1 or 0")
        return default

    def url(self, name: str, default: str | None) -> str:
        value = self.text(name, default, needed=True) or ""
        if value and not _is_web_address(value):
            self.faults.append(f"{name} must be an http or https address")
        return value.rstrip("/")


def from_environ(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check every setting.

    Outside development there is no default for a secret or for an address that people are sent to.
    Raises SettingsError with all faults in one message; no secret's value is in it.
    """
    read = _Reader(environ)
    development = read.flag("DEVELOPMENT", default=False)
    instance_path = Path(read.text("INSTANCE_PATH", "instance") or "instance").resolve()
    portal_port = read.number("PORTAL_PORT", 5000, low=1, high=65535)
    vendor_port = read.number("VENDOR_PORT", 5001, low=1, high=65535)
    smtp_port = read.number("SMTP_PORT", 1025, low=1, high=65535)
    vendor_url = read.url("VENDOR_PORTAL_URL", f"http://127.0.0.1:{vendor_port}" if development else None)
    portal_url = read.url("PORTAL_URL", f"http://127.0.0.1:{portal_port}" if development else None)
    settings = Settings(
        development=development,
        instance_path=instance_path,
        database_url=_database_url(read.secret("DATABASE_URL"), instance_path),
        secret_keys=_secret_keys(read, instance_path, development=development),
        portal_url=portal_url,
        vendor_portal_url=vendor_url,
        mail_server=read.text("MAIL_SERVER", "127.0.0.1" if development else None, needed=True) or "",
        mail_port=read.number("MAIL_PORT", smtp_port if development else 587, low=1, high=65535),
        mail_use_tls=read.flag("MAIL_USE_TLS", default=not development),
        mail_username=read.text("MAIL_USERNAME"),
        mail_password=read.secret("MAIL_PASSWORD"),
        mail_sender=read.text(
            "MAIL_SENDER", "dispatch@interpreter-dispatch.example" if development else None, needed=True
        )
        or "",
        mail_timeout_seconds=read.number("MAIL_TIMEOUT_SECONDS", 20, low=1, high=LONGEST_MAIL_TIMEOUT_SECONDS),
        meeting_url=read.url("MEETING_URL", f"{vendor_url}/dev/room" if development else None),
        meeting_jwt_app_id=read.text("MEETING_JWT_APP_ID"),
        meeting_jwt_secret=read.secret("MEETING_JWT_SECRET"),
        conference_domain=read.text("CONFERENCE_DOMAIN", "conference.interpreter-dispatch.example") or "",
        conference_mapper_secret=read.secret("CONFERENCE_MAPPER_SECRET"),
        leaked_passwords_file=read.path("LEAKED_PASSWORDS_FILE"),
        session_idle_minutes=read.number("SESSION_IDLE_MINUTES", 15, low=1, high=1440),
        session_absolute_hours=read.number("SESSION_ABSOLUTE_HOURS", 12, low=1, high=168),
        keep_logins_days=read.number("KEEP_LOGINS_DAYS", 90, low=1, high=3650),
        dev_mailbox=read.flag("DEV_MAILBOX", default=development),
        secure_cookies=read.flag("SECURE_COOKIES", default=not development),
        log_format=read.text("LOG_FORMAT", "text" if development else "json") or "",
        metrics_address=read.text("METRICS_ADDRESS", "127.0.0.1") or "",
        portal_metrics_port=read.port("PORTAL_METRICS_PORT"),
        vendor_metrics_port=read.port("VENDOR_METRICS_PORT"),
        jobs_port=read.port("JOBS_PORT"),
        proxy_count=read.number("PROXY_COUNT", 0, low=0, high=9),
        trusted_hosts=tuple(
            host.strip().lower() for host in (read.text("TRUSTED_HOSTS") or "").split(",") if host.strip()
        ),
        mail_ca_file=read.file("MAIL_CA_FILE"),
    )
    read.faults += _contradictions(settings)
    if read.faults:
        raise SettingsError("Settings can't be used:\n" + "\n".join(f"  - {fault}" for fault in read.faults))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """What is wrong between settings that are each well-formed."""
    faults = []
    for name, secret in (
        ("MEETING_JWT_SECRET", settings.meeting_jwt_secret),
        ("CONFERENCE_MAPPER_SECRET", settings.conference_mapper_secret),
    ):
        if secret is not None and len(secret) < SHORTEST_SECRET and not settings.development:
            faults.append(f"{name} must have at least {SHORTEST_SECRET} characters")
    if settings.mail_sender and not _SENDER.fullmatch(settings.mail_sender):
        faults.append("MAIL_SENDER must be a mail address")
    if not _is_database_address(settings.database_url):
        faults.append("DATABASE_URL must be the address of a SQLite or PostgreSQL database")
    if (settings.mail_username is None) != (settings.mail_password is None):
        faults.append("MAIL_USERNAME and MAIL_PASSWORD go together")
    if (settings.meeting_jwt_app_id is None) != (settings.meeting_jwt_secret is None):
        faults.append("MEETING_JWT_APP_ID and MEETING_JWT_SECRET go together")
    if not settings.development:
        faults += _open_addresses(settings)
    if settings.dev_mailbox and not settings.development:
        faults.append("DEV_MAILBOX shows everybody's mail without a login: it is for development only")
    return faults + _surroundings(settings)


def _surroundings(settings: Settings) -> list[str]:
    """What is wrong with how it is watched and what stands around it."""
    faults = []
    if settings.log_format not in {"json", "text"}:
        faults.append("LOG_FORMAT must be json or text")
    if not _is_ip_address(settings.metrics_address):
        faults.append("METRICS_ADDRESS must be an IP address")
    if not all(_HOST.fullmatch(host) for host in settings.trusted_hosts):
        faults.append("TRUSTED_HOSTS must be host names without ports, separated by commas")
    ports = (settings.portal_metrics_port, settings.vendor_metrics_port, settings.jobs_port)
    chosen = [port for port in ports if port]
    if len(chosen) != len(set(chosen)):
        faults.append("PORTAL_METRICS_PORT, VENDOR_METRICS_PORT and JOBS_PORT must differ")
    if settings.mail_ca_file and settings.mail_ca_file.is_file() and not _holds_certificates(settings.mail_ca_file):
        faults.append("MAIL_CA_FILE must be a file of certificates (PEM)")
    return faults


def _open_addresses(settings: Settings) -> list[str]:
    """What is wrong with the addresses that people are sent to: names, logins and links go over HTTPS alone, and the
    app that anybody may call has a host of its own, so that a browser keeps the two apart.

    Loopback may do without: what is tried out there leaves the machine by no wire.
    """
    addresses = {
        "PORTAL_URL": settings.portal_url,
        "VENDOR_PORTAL_URL": settings.vendor_portal_url,
        "MEETING_URL": settings.meeting_url,
    }
    plain = {name: _host(url) for name, url in addresses.items() if url.lower().startswith("http:")}
    faults = [f"{name} must be an https address" for name, host in plain.items() if not is_loopback(host)]
    if is_loopback(plain.get("PORTAL_URL", "")) and settings.secure_cookies:  # a browser would not keep the cookie
        faults.append("PORTAL_URL must be an https address while SECURE_COOKIES is on: nobody could log in")
    host = _host(settings.portal_url)
    if host and host == _host(settings.vendor_portal_url) and not is_loopback(host):
        faults.append("PORTAL_URL and VENDOR_PORTAL_URL must have different hosts: the second is open to everybody")
    if {host, _host(settings.vendor_portal_url)} & {name for name in settings.trusted_hosts if not is_loopback(name)}:
        faults.append("TRUSTED_HOSTS must not name the host of PORTAL_URL or VENDOR_PORTAL_URL: both portals take them")
    return faults


def _host(url: str) -> str:
    """An address's host in small letters; empty if there is none, or the address is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ip_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _holds_certificates(file: Path) -> bool:
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError:  # SSLError is one
        return False
    return True


def _is_database_address(url: str) -> bool:
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return url.startswith(DATABASES)


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _database_url(url: str | None, instance_path: Path) -> str:
    """SQLite in the instance folder unless told otherwise; PostgreSQL always by psycopg 3."""
    if url is None:
        return f"sqlite:///{instance_path / 'dispatch.sqlite3'}"
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _secret_keys(read: _Reader, instance_path: Path, *, development: bool) -> tuple[str, ...]:
    """SECRET_KEY, newest first, separated by commas. Development makes one and keeps it in the instance folder."""
    keys = tuple(key.strip() for key in (read.secret("SECRET_KEY") or "").split(",") if key.strip())
    if keys:
        if any(len(key) < SHORTEST_SECRET for key in keys):
            read.faults.append(
                f"SECRET_KEY must have at least {SHORTEST_SECRET} characters (each of several, separated by commas)"
            )
        return keys
    if not development:
        read.faults.append("SECRET_KEY is missing")
        return ()
    path = instance_path / "development_secret_key"
    instance_path.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return (path.read_text(encoding="ascii"),)
