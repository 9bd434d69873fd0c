"""create-clinic: from an empty database to an admin who is logged in."""

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest

from portal import create_portal
from shared import clock, demo
from shared.actions import log_in
from shared.audit import AuditEvent
from shared.db import db, reading
from shared.models import AuditEntry, Clinic, ClinicLanguage, User
from shared.settings import from_environ
from shared.states import Role
from tests.cli.console import Console, console_of
from tests.databases import OUTSIDE_DEVELOPMENT, SqliteTemplate, environ_for
from tests.web.checks import csrf_of
from tests.world import ADMITTED, World

PASSWORD = "maple quarry lantern ferry"
ANSWERS = {
    "name": "Harbor Family Health",
    "time-zone": "America/New_York",
    "contact-phone": "+1 555 0150",
    "contact-email": "desk@harbor.example",
    "dial-in-number": "+1 555 0151",
    "admin-name": "Robin Castellanos",
    "admin-email": "Robin@Harbor.example",
}


def options(**changes: str) -> list[str]:
    """All answers as options, some of them changed."""
    answers = ANSWERS | {name.replace("_", "-"): value for name, value in changes.items()}
    return [word for name, value in answers.items() for word in (f"--{name}", value)]


def create(console: Console, *more: str, password: str = PASSWORD, **changes: str) -> str:
    """Create a clinic without being asked anything."""
    return console.does("create-clinic", *options(**changes), "--password-stdin", *more, typed=f"{password}\n")


def refused(console: Console, *more: str, code: int = 1, password: str = PASSWORD, **changes: str) -> str:
    """What is said when it can't be created."""
    words = ["create-clinic", *options(**changes), "--password-stdin", *more]
    return console.refuses(*words, code=code, typed=f"{password}\n")


def rows_of(console: Console) -> dict[str, int]:
    """How many clinics, users and lines of the trail there are."""
    app = create_portal(from_environ(console.environ))
    with app.app_context(), reading() as session:
        counted = {kind.__name__: session.query(kind).count() for kind in (Clinic, User, AuditEntry)}
    with app.app_context():
        db.engine.dispose()
    return counted


def opened_by(console: Console, password: str) -> set[str]:
    """Whose login it is, of two people who are in every demo."""
    app = create_portal(from_environ(console.environ))
    with app.app_context():
        people = ("admin@demo.example", "provider@demo.example")
        found = {
            who
            for who in people
            if log_in(email=who, password=password, admission=ADMITTED, replaces=None, now=clock.utc_now())
        }
        db.engine.dispose()
    return found


def test_an_admin_is_created_with_the_clinic_and_can_log_in(console_on_either: Console) -> None:
    console = console_on_either
    said = create(console)
    assert "Harbor Family Health is created" in said
    assert "robin@harbor.example" in said
    assert PASSWORD not in said

    app = create_portal(from_environ(console.environ))
    browser = app.test_client()
    form = {"csrf_token": csrf_of(browser.get("/login")), "email": "robin@harbor.example", "password": PASSWORD}
    assert browser.post("/login", data=form).status_code == 303
    with app.app_context(), reading() as session:
        clinic, user = session.query(Clinic).one(), session.query(User).one()
        language, line = session.query(ClinicLanguage).one(), session.query(AuditEntry).order_by(AuditEntry.id).first()
    with app.app_context():
        db.engine.dispose()
    assert (clinic.name, clinic.time_zone, clinic.dispatch_enabled) == (
        "Harbor Family Health",
        "America/New_York",
        True,
    )
    assert (user.role, user.active, user.clinic_id) == (Role.ADMIN, True, clinic.id)
    assert (language.tag, language.name, language.short_name) == ("ase", "American Sign Language", "ASL")
    assert line is not None
    assert (line.what, line.clinic_id, line.about_kind, line.about_id, line.actor_user_id) == (
        AuditEvent.CLINIC_CREATED,
        clinic.id,
        "clinic",
        clinic.id,
        None,
    )


def test_what_no_option_says_is_asked_and_a_wrong_answer_is_asked_again(console: Console) -> None:
    typed = [
        "Harbor Family Health",
        "New York",
        "America/New_York",
        "+1 555 0150",
        "desk at harbor",
        "desk@harbor.example",
        "x" * 41,
        "+1 555 0151",
        "Robin Castellanos",
        "robin@harbor.example",
        "short",
        PASSWORD,
        "something else",
        PASSWORD,
        PASSWORD,
    ]
    said = console.does("create-clinic", typed="\n".join(typed) + "\n")

    assert "Did you mean America/New_York?" in said
    assert "This is no mail address." in said
    assert "This is longer than 40 characters." in said
    assert "Use at least 12 characters." in said
    assert "do not match" in said
    assert "Harbor Family Health is created" in said
    assert PASSWORD not in said
    assert rows_of(console) == {"Clinic": 1, "User": 1, "AuditEntry": 1}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "  ", "This can't be empty."),
        ("name", "x" * 121, "longer than 120 characters"),
        ("name", "Harbor\nHealth", "on one line"),
        ("name", "Harbor\x07", "can't be read"),
        ("time_zone", "Mars/Olympus", "There is no time zone of this name."),
        ("time_zone", "EST", "There is no time zone of this name."),
        ("contact_phone", "5" * 41, "longer than 40 characters"),
        ("contact_phone", "abc", "Write a phone number"),
        ("dial_in_number", "1", "Write a phone number"),
        ("contact_email", "desk@", "This is no mail address."),
        ("contact_email", "dësk@harbor.example", "This is no mail address."),
        ("dial_in_number", "", "This can't be empty."),
        ("admin_name", "\u200b", "This can't be empty."),
        ("admin_email", "Robin <robin@harbor.example>", "This is no mail address."),
    ],
)
def test_a_wrong_option_is_refused_with_its_name_and_nothing_is_created(
    console: Console, field: str, value: str, sentence: str
) -> None:
    said = " ".join(refused(console, code=2, **{field: value}).split())

    assert sentence in said
    assert f"--{field.replace('_', '-')}" in said
    assert rows_of(console)["Clinic"] == 0


@pytest.mark.parametrize(
    "password", ["", "elevenchars", "password1234", "robin castellanos", "x" * 201], ids=lambda word: word[:12]
)
def test_a_password_that_the_portal_would_refuse_is_refused_here(console: Console, password: str) -> None:
    said = refused(console, password=password)

    assert "The password can't be used." in said
    assert password == "" or password not in said
    assert rows_of(console)["User"] == 0


def test_a_leaked_password_is_refused_here_too(console: Console, tmp_path: Path) -> None:
    (tmp_path / "leaked.txt").write_text(hashlib.sha1(PASSWORD.encode()).hexdigest().upper() + "\n")

    said = refused(console.setting(LEAKED_PASSWORDS_FILE=str(tmp_path / "leaked.txt")))
    assert "has been stolen" in " ".join(said.split())
    assert rows_of(console)["User"] == 0


def test_the_password_is_no_option_and_needs_all_others_when_it_is_the_input(console: Console) -> None:
    assert "No such option" in console.refuses("create-clinic", "--password", PASSWORD, code=2)

    said = console.refuses("create-clinic", "--password-stdin", "--name", "Harbor", code=2, typed=f"{PASSWORD}\n")
    assert "--admin-email" in said
    assert "--name" not in said.partition("give")[2]


def test_a_second_clinic_is_created_when_it_is_meant(console: Console) -> None:
    create(console)
    second = {"name": "Riverside Clinic", "admin_email": "ines@riverside.example"}
    assert "Use --yes to create another clinic." in refused(
        console, name="Riverside Clinic", admin_email="ines@riverside.example"
    )

    create(console, "--yes", **second)
    assert rows_of(console)["Clinic"] == 2

    said = console.refuses("create-clinic", typed="n\n")
    assert "The database holds Harbor Family Health, Riverside Clinic already." in said
    assert "Clinic's name" not in said


def test_a_name_or_an_address_in_use_is_refused_in_words(console_on_either: Console) -> None:
    console = console_on_either
    create(console)
    before = rows_of(console)

    same_name = refused(console, "--yes", name="HARBOR family health", admin_email="ines@riverside.example")
    assert "A clinic has this name already." in same_name
    same_address = refused(console, "--yes", name="Riverside Clinic", admin_email="ROBIN@harbor.example")
    assert "Somebody has this mail address already" in same_address
    assert rows_of(console) == before


def test_an_address_of_the_portals_users_counts_too(world: World) -> None:
    said = refused(console_of(world), "--yes", admin_email="staff@demo.example")

    assert "Somebody has this mail address already" in said


def test_a_database_that_is_not_migrated_is_refused_before_any_question(bare_console: Console) -> None:
    said = bare_console.refuses("create-clinic")

    assert "The database has no tables yet. Run: python -m shared.cli migrate" in said
    assert "Clinic's name" not in said


def test_a_database_older_or_newer_than_the_program_is_refused(console: Console) -> None:
    file = Path(console.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    for revision, sentence in (("0001", "older than the program"), ("9999", "another version of the program")):
        with sqlite3.connect(file) as connection:
            connection.execute("update alembic_version set version_num = ?", (revision,))
        connection.close()
        assert sentence in refused(console)
    assert "another version of the program" in console.refuses("migrate")


def test_the_demo_says_what_it_made_and_touches_no_database_that_holds_a_clinic(console: Console) -> None:
    said = console.does("demo")
    assert "Riverside Clinic and Harbor Family Health are loaded" in said
    assert "scheduler@demo.example" in said
    before = rows_of(console)

    assert "The database holds a clinic already; nothing was loaded." in console.refuses("demo")
    assert rows_of(console) == before


def test_outside_development_the_demo_has_a_password_of_its_own_each_time(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    printed = []
    for _ in range(2):
        with sqlite_template.database() as url:
            console = Console(environ_for(url, tmp_path, **OUTSIDE_DEVELOPMENT))
            found = re.search(r"all with the password (\S+)", console.does("demo"))
            assert found is not None
            printed.append(found[1])
            assert opened_by(console, found[1]) == {"admin@demo.example", "provider@demo.example"}
            assert opened_by(console, demo.PASSWORD) == set()

    assert printed[0] != printed[1]
    assert min(map(len, printed)) >= 22  # 128 bits


def test_what_make_run_does_first_is_refused_outside_development(bare_console: Console, tmp_path: Path) -> None:
    said = bare_console.setting(**OUTSIDE_DEVELOPMENT).refuses("prepare")

    assert "This is for development." in said
    assert not (tmp_path / "dispatch.sqlite3").exists()


def test_the_demo_needs_a_migrated_database(bare_console: Console) -> None:
    assert "Run: python -m shared.cli migrate" in bare_console.refuses("demo")
