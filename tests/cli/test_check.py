"""check: one line for each thing, what to do about it, and the exit code."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared import checks
from shared.checks import leads_elsewhere
from shared.db import db
from shared.jobs import Job, JobRunner, sender_for
from shared.models import User
from shared.states import MailState
from shared.web import create_base
from tests.cli.console import Console, console_of
from tests.databases import PostgresTemplate, environ_for
from tests.faults.smtp_script import DROP, HANG, ScriptedServer
from tests.postoffice import free_port
from tests.world import World

JOBS = ("send_mail", "expire_requests", "remove_old_data")
SECRET = "a-mail-password-that-nobody-may-see"


def line_of(said: str, about: str) -> str:
    """What is said about one thing, with ok or MEND before it."""
    return next(" ".join(line.split()) for line in said.splitlines() if f"  {about} " in line)


def test_an_installation_in_order_gets_eleven_lines_and_zero(world_on_either: World) -> None:
    world_on_either.tick()
    said = console_of(world_on_either).does("check")

    assert [line[:4].strip() for line in said.splitlines()] == ["ok"] * 11
    assert "1, each with an admin who can log in" in said
    assert world_on_either.post.received == []


def test_all_faults_of_the_settings_are_told_at_once_and_no_secret() -> None:
    environ = {
        "DEVELOPMENT": "0",
        "SECRET_KEY": "too-short-a-secret",
        "MAIL_PASSWORD": SECRET,
        "DATABASE_URL": f"postgresql://dispatch:{SECRET}@127.0.0.1:port/dispatch",
        "PORTAL_URL": "nowhere",
    }
    said = Console(environ).refuses("check")

    assert line_of(said, "Settings").startswith("MEND")
    for name in ("SECRET_KEY", "MAIL_USERNAME", "DATABASE_URL", "PORTAL_URL", "VENDOR_PORTAL_URL", "MEETING_URL"):
        assert name in said
    assert SECRET not in said
    assert "too-short" not in said


def test_a_folder_that_can_not_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("no folder")
    environ = environ_for(f"sqlite:///{tmp_path}/dispatch.sqlite3", tmp_path / "instance")

    said = Console(environ).refuses("check")

    assert line_of(said, "Folder").startswith("MEND")
    assert "INSTANCE_PATH" in said
    assert "INSTANCE_PATH" in Console(environ).refuses("jobs", "list")


def test_a_mail_server_elsewhere_that_is_sent_everything_in_clear_is_to_be_mended(world: World) -> None:
    world.tick()
    here = console_of(world)
    elsewhere = here.setting(MAIL_SERVER="127.1")  # this machine, by a name that is not known to be its own

    assert line_of(here.does("check"), "Mail server").startswith("ok")
    line = line_of(elsewhere.refuses("check"), "Mail server")
    assert line.startswith("MEND")
    assert line.endswith("takes mail from us, but in clear. Set MAIL_USE_TLS=1.")


def test_a_list_of_leaked_passwords_is_looked_at_if_there_is_one(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "leaked.txt"
    listed = console.setting(LEAKED_PASSWORDS_FILE=str(file))
    assert "Leaked list" not in console.refuses("check")

    for content, words in (
        (None, "can't be read (No such file or directory). Check LEAKED_PASSWORDS_FILE."),
        ("B" * 40 + ":1\n" + "A" * 40 + ":1\n", "is not in the order of its hashes. Check LEAKED_PASSWORDS_FILE."),
        ("A" * 40 + ":1\n" + "B" * 40 + ":1\n", "is a list in order"),
    ):
        if content is not None:
            file.write_text(content)
        mark = "ok" if content and content.startswith("A") else "MEND"
        assert line_of(listed.refuses("check"), "Leaked list") == f"{mark} Leaked list {file} {words}"


def test_a_missing_database_is_told_and_not_made(bare_console: Console, tmp_path: Path) -> None:
    said = bare_console.refuses("check")

    assert "Run: python -m shared.cli migrate" in line_of(said, "Database")
    assert not (tmp_path / "dispatch.sqlite3").exists()

    bare_console.does("migrate")
    said = bare_console.refuses("check")
    assert line_of(said, "Migration").startswith("ok")
    assert "Run: python -m shared.cli create-clinic" in line_of(said, "Clinic")


def test_a_database_that_does_not_answer_is_told_without_its_password(console: Console) -> None:
    away = f"postgresql://dispatch:{SECRET}@127.0.0.1:{free_port()}/dispatch"
    said = console.setting(DATABASE_URL=away).refuses("check")

    assert line_of(said, "Database").startswith("MEND Database It can't be used")
    assert SECRET not in said
    assert "Check DATABASE_URL" in console.setting(DATABASE_URL=away).refuses("jobs", "list")


@pytest.mark.parametrize(
    ("host", "address", "elsewhere"),
    [
        ("/run/postgresql", "", False),
        ("@dispatch", "", False),
        ("localhost", "127.0.0.1", False),
        ("127.0.0.2", "127.0.0.2", False),
        ("localhost", "::1", False),
        ("localhost.clinic.example", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("db.clinic.example", "2001:db8::7", True),
        ("db.clinic.example", "", True),
    ],
)
def test_what_leaves_the_machine_is_known_by_where_the_connection_went(
    host: str, address: str, elsewhere: bool
) -> None:
    assert leads_elsewhere(host, address) is elsewhere


def test_a_postgresql_on_another_machine_has_to_prove_that_it_is_the_right_one(
    postgres_template: PostgresTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_template.database() as url:
        console = Console(environ_for(url, tmp_path))
        assert line_of(console.refuses("check"), "Database") == "ok Database PostgreSQL answers"

        monkeypatch.setattr(checks, "leads_elsewhere", lambda _host, _address: True)  # as if it were
        for mode in ("", "&sslmode=prefer", "&sslmode=require", "&sslmode=verify-ca"):
            said = line_of(console.setting(DATABASE_URL=url + mode).refuses("check"), "Database")
            assert said.startswith("MEND Database PostgreSQL answers, but nothing proves that it is"), mode
            assert said.endswith("Add sslmode=verify-full to DATABASE_URL."), mode
        sure = console.setting(DATABASE_URL=f"{url}&sslmode=verify-full&sslrootcert=system")
        assert line_of(sure.refuses("check"), "Database") == "ok Database PostgreSQL answers"


def test_what_is_no_database_is_told(bare_console: Console, tmp_path: Path) -> None:
    (tmp_path / "dispatch.sqlite3").write_bytes(b"minutes of a meeting " * 500)

    assert "It can't be used (file is not a database)" in line_of(bare_console.refuses("check"), "Database")


def test_a_clinic_whose_admins_can_not_log_in_is_named(world: World) -> None:
    for change in ({"active": False}, {"active": True, "password_hash": None}):
        world.change(User, world.clinic.users["admin"], **change)
        said = console_of(world).refuses("check")
        assert "Nobody can log in as an admin of Riverside Clinic." in line_of(said, "Clinic")


def lines_of_jobs(said: str) -> list[str]:
    """What is said about the jobs, with ok or MEND before it."""
    return [" ".join(line.split()) for line in said.splitlines() if "  Job " in line]


def test_jobs_that_never_ran_are_told(world_on_either: World) -> None:
    said = console_of(world_on_either).refuses("check")

    assert lines_of_jobs(said) == [
        f"MEND Job {name} never ran. Start: python -m shared.cli jobs serve" for name in JOBS
    ]


def test_jobs_are_dead_two_minutes_after_they_last_completed(world_on_either: World) -> None:
    world = world_on_either
    world.tick()
    world.pass_time(minutes=2)
    assert (
        lines_of_jobs(console_of(world).does("check"))[0] == "ok Job send_mail last completed 2026-11-23 20:00:00 UTC"
    )

    world.pass_time(seconds=1)
    said = console_of(world).refuses("check")
    assert lines_of_jobs(said) == [
        f"MEND Job {name} last completed 2026-11-23 20:00:00 UTC. Start: python -m shared.cli jobs serve"
        for name in JOBS
    ]


def test_a_heartbeat_that_is_to_come_is_no_sign_of_life(world: World) -> None:
    world.tick()
    world.pass_time(minutes=-3)

    assert lines_of_jobs(console_of(world).refuses("check"))[0].startswith("MEND")


def test_one_job_that_begins_and_never_completes_is_told_beside_one_that_does(world: World) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    world.tick()
    world.pass_time(minutes=3)
    runner = JobRunner(world.jobs)
    runner.run(Job("send_mail", 1, fails))
    for name in JOBS[1:]:
        runner.run(Job(name, 2, lambda: None))

    send, expire, remove = lines_of_jobs(console_of(world).refuses("check"))
    assert send.startswith("MEND Job send_mail last completed 2026-11-23 20:00:00 UTC, but it began just now.")
    assert expire == "ok Job expire_requests last completed 2026-11-23 20:03:00 UTC"
    assert remove == "ok Job remove_old_data last completed 2026-11-23 20:03:00 UTC"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ({"AUTH": ["535 5.7.8 Wrong"]}, "Check MAIL_USERNAME and MAIL_PASSWORD"),
        ({"EHLO": ["250 mail.example"] * 2}, "It does not offer a login"),
        ({"BANNER": [DROP]}, "It hangs up"),
        ({"BANNER": [HANG]}, "does not answer within 1 s"),
        ({"BANNER": ["554 No service"]}, "can't be reached"),
    ],
    ids=["login", "no login", "hangs up", "silent", "no service"],
)
def test_a_mail_server_that_would_take_no_mail_is_told(
    world: World, script: dict[str, list[str]], sentence: str
) -> None:
    port = free_port()
    mail = {"MAIL_PORT": str(port), "MAIL_USERNAME": "dispatch", "MAIL_PASSWORD": SECRET, "MAIL_TIMEOUT_SECONDS": "1"}
    with ScriptedServer(port, **script) as server:
        said = console_of(world).setting(**mail).refuses("check")

    assert sentence in line_of(said, "Mail server")
    assert SECRET not in said
    assert server.arrived == []


def test_a_mail_server_without_starttls_is_told_where_it_is_wanted(world: World) -> None:
    said = console_of(world).setting(MAIL_USE_TLS="1").refuses("check")

    assert "It does not offer STARTTLS (MAIL_USE_TLS)" in line_of(said, "Mail server")


class StrictServer:
    """Takes mail only after STARTTLS and a login, and counts logins and mails. ``signed_by`` holds its certificate."""

    def __init__(
        self, folder: Path, *, name: str = "127.0.0.1", until: datetime = datetime(2120, 1, 1, tzinfo=UTC)
    ) -> None:
        self.logins: list[bytes] = []
        self.mails = 0
        self.signed_by = certificate(folder, name, until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.signed_by)
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            require_starttls=True,
            auth_required=True,
            tls_context=context,
            authenticator=self._log_in,
        )

    def __enter__(self) -> "StrictServer":
        self._controller.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._controller.stop()

    def _log_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == SECRET.encode(), handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.mails += 1
        envelope.mail_from = address
        return "250 OK"


def certificate(folder: Path, host: str, until: datetime) -> Path:
    """A key and a certificate for an address that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1, tzinfo=UTC), until)
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
    file = folder / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def test_it_secures_and_logs_in_as_sending_does_and_sends_nothing(world: World, tmp_path: Path) -> None:
    world.tick()
    with StrictServer(tmp_path) as server:
        mail = {"MAIL_PORT": str(server.port), "MAIL_USE_TLS": "1", "MAIL_USERNAME": "dispatch"}
        mail["MAIL_CA_FILE"] = str(server.signed_by)
        said = console_of(world).setting(MAIL_PASSWORD=SECRET, **mail).does("check")
        assert line_of(said, "Mail server").startswith("ok")
        said = console_of(world).setting(MAIL_PASSWORD="another", **mail).refuses("check")
        assert "Check MAIL_USERNAME and MAIL_PASSWORD" in said

    assert set(server.logins) == {b"dispatch"}
    assert server.mails == 0


@pytest.mark.parametrize(
    ("server", "is_known", "sentence"),
    [
        ({}, False, "certificate is not trusted (self-signed certificate)"),
        ({"name": "127.0.0.2"}, True, "certificate is not trusted (IP address mismatch"),
        ({"until": datetime(2021, 1, 1, tzinfo=UTC)}, True, "certificate is not trusted (certificate has expired)"),
    ],
    ids=["signed by nobody", "another's", "expired"],
)
def test_a_mail_server_whose_certificate_is_not_trusted_is_told_and_learns_no_password(
    world: World, tmp_path: Path, server: dict[str, Any], *, is_known: bool, sentence: str
) -> None:
    with StrictServer(tmp_path, **server) as strict:
        mail = {"MAIL_PORT": str(strict.port), "MAIL_USE_TLS": "1", "MAIL_USERNAME": "dispatch"}
        known = {"MAIL_CA_FILE": str(strict.signed_by)} if is_known else {}
        said = console_of(world).setting(MAIL_PASSWORD=SECRET, **mail, **known).refuses("check")

    assert sentence in line_of(said, "Mail server")
    assert "MAIL_CA_FILE" in line_of(said, "Mail server")
    assert strict.logins == []


def test_mail_waits_untouched_while_the_certificate_is_not_trusted_and_leaves_once_it_is(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.book(ask=["Clearsign"])
    with StrictServer(tmp_path) as strict:
        strange = replace(
            world.settings, mail_port=strict.port, mail_use_tls=True, mail_username="dispatch", mail_password=SECRET
        )
        for settings in (strange, replace(strange, mail_ca_file=strict.signed_by)):
            assert [(mail.state, mail.attempts) for mail in world.outbox()] == [(MailState.QUEUED, 0)]
            assert strict.mails == 0
            app = create_base("jobs", settings)
            with app.app_context():
                sender = sender_for(app)
                for _ in range(4):
                    sender.send_due(lambda: world.now)
                    world.pass_time(seconds=20)
                db.engine.dispose()

    assert [(mail.state, mail.attempts) for mail in world.outbox()] == [(MailState.SENT, 1)]
    assert strict.mails == 1
    assert [record.levelname for record in caplog.records if "certificate" in record.message] == ["ERROR"] * 2


def test_what_has_been_due_for_more_than_two_minutes_is_told(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.pass_time(minutes=2)
    said = console_of(world).refuses("check")
    assert line_of(said, "Mail") == "ok Mail nothing that is due has waited for 2 minutes"

    world.pass_time(seconds=1)
    said = console_of(world).refuses("check")
    assert line_of(said, "Mail").startswith(
        "MEND Mail What is due since 2026-11-23 20:00:00 UTC still waits for send_mail"
    )
    assert line_of(said, "Requests").startswith("ok")

    world.now = world.request_of(visit).deadline + timedelta(minutes=2, seconds=1)
    said = console_of(world).refuses("check")
    assert line_of(said, "Requests").startswith("MEND Requests What is due since 2026-11-24 ")
