"""Where marked words and secrets are found after a whole life: exactly where the table says, and nowhere else."""

import base64
import json
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from itsdangerous import URLSafeSerializer

from shared.db import db, transaction
from shared.jobs import JobRunner, job_list, sender_for
from shared.models import Mail
from tests.cli.console import Console, console_of
from tests.flow.life import CLINICS, CONTACT, NAME, Life, administer, live, look_around, open_links
from tests.flow.markers import Browser, Watch, note_database, note_mails, tapped_logs
from tests.flow.places import GONE, KEYS, PLACES
from tests.world import World, build_world

SECRETS = {name: f"a-value-of-{name.lower()}-that-nobody-may-see" for name in KEYS}
SETTINGS = {"MEETING_URL": "https://meet.example", "MEETING_JWT_APP_ID": "dispatch", **SECRETS}


@pytest.fixture
def marked(either_database: str) -> Iterator[World]:
    """A world with a second clinic, whose secrets can be recognised."""
    settings = {name: value for name, value in SETTINGS.items() if name != "MAIL_PASSWORD"}
    with build_world(either_database, **settings) as built:
        built.add_clinic("Harbor Family Health", domain="harbor")
        yield built


def watch_for(world: World) -> tuple[Life, Watch]:
    """The story in this process, with nothing told yet."""
    watch = Watch()
    for name, value in SECRETS.items():
        watch.mark(name, value)
    return (
        Life(
            world,
            watch,
            now=lambda: world.now,
            new_portal_client=world.portal.test_client,
            new_vendor_client=world.vendor_portal.test_client,
            catch_up=world.tick,
            stumble=lambda: fail(world),
            wait=lambda seconds: world.pass_time(seconds=seconds),
        ),
        watch,
    )


def fail(world: World) -> None:
    """Run every job once, of which sending mail fails."""
    runner, jobs = JobRunner(world.jobs), job_list(sender_for(world.jobs))
    assert [job.name for job in jobs if not runner.run(job)] == ["send_mail"]


def run_commands(world: World, watch: Watch, folder: Path) -> None:
    """Whoever runs the installation looks at it, finds that its mail server takes no login, and makes a copy."""
    console = Console(console_of(world).environ | SETTINGS | {"MAIL_USERNAME": "dispatch"})
    for words in (("check",), ("jobs", "list"), ("tick",), ("backup", folder / "copy.sqlite3"), ("create-clinic",)):
        watch.note("output of a command", console.run(*words).output)


def note_rest(world: World, watch: Watch, said: str) -> None:
    """What the mail server got, what the database holds, and what was written to this process's own output."""
    note_mails(watch, world.post.received, CLINICS)
    with world.jobs.app_context():
        note_database(watch, db.engine)
    watch.note("log", said)


def test_after_a_whole_life_everything_is_where_it_belongs_and_nowhere_else(
    marked: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life, watch = watch_for(marked)
    with tapped_logs(watch):
        live(life)
        run_commands(marked, watch, tmp_path)
    note_rest(marked, watch, "".join(capfd.readouterr()))

    assert watch.places() == PLACES

    watch.forget()
    marked.pass_time(days=800)
    with tapped_logs(watch):
        for _ in range(3):  # what is due, then what waited for that
            marked.tick()
        look_around(life, "/visits/1")
        open_links(life)
        administer(life)
        run_commands(marked, watch, tmp_path)
    marked.post.clear()
    note_rest(marked, watch, "".join(capfd.readouterr()))

    after = watch.places()
    assert {kind: after[kind] for kind in GONE} == {kind: set() for kind in GONE}
    # So it was looked, and at companies' pages too.
    assert after["session token"] == PLACES["session token"]
    assert "own page of a company" in after["guest link"]


@pytest.mark.parametrize(
    "text",
    [
        "Quillfeather Zyxmarsh",
        "quillfeather+zyxmarsh",
        "%51uillfeather%20Zyxmarsh",
        "&#81;uillfeather",
        "Quill=\nfeather =5Ayxmarsh",
        base64.b64encode("¿ÿ? Quillfeather ÿÿÿ>>>".encode()).decode(),
        json.dumps({"x": ["Zyxmarsh, Quillfeather"]}),
        base64.urlsafe_b64encode(b'{"n": "Quillfeather Zyxmarsh"}').decode().rstrip("="),
        "a cookie=."
        + base64.urlsafe_b64encode(zlib.compress(b"x" * 99 + b"Quillfeather Zyxmarsh")).decode()
        + "; path=/",
        URLSafeSerializer("key").dumps(["Quillfeather Zyxmarsh"] * 20),
    ],
)
def test_a_marked_word_is_found_however_it_is_written(text: str) -> None:
    watch = Watch()
    watch.mark("name", "quillfeather")
    watch.note("somewhere", f"before {text} after")
    watch.note("elsewhere", "Quill feather")

    assert watch.places() == {"name": {"somewhere"}}


def test_what_is_nobodys_own_is_told_from_what_is_anothers() -> None:
    watch = Watch()
    watch.mark("link", "signature-1", "a@company.example")
    watch.mark("word", "quillfeather")
    for reader in ("a@company.example", "b@company.example"):
        watch.note("mail", "signature-1 quillfeather", reader)
    watch.note("database mail.body", "signature-1")

    assert watch.places() == {"link": {"own mail", "another's mail", "database mail.body"}, "word": {"mail"}}


def test_every_way_out_is_watched(marked: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Each leak that is planted here is found: without this, a table that holds proves nothing."""
    life, watch = watch_for(marked)
    watch.mark("name", "quillfeather")
    watch.mark("contact", "zyxmail")
    with tapped_logs(watch):
        logging.getLogger("any.library").debug("read %s", {"patient": NAME})
        logging.getLogger("shared.web").info("a line", extra={"contact": CONTACT})
        try:
            raise ValueError(NAME)
        except ValueError:
            logging.getLogger("another").exception("It failed.")
    print(f"careless: {CONTACT}")  # noqa: T201 - that is the leak
    visit = marked.book(patient_name=NAME, ask=["Clearsign"], notes="asked by zyxmail")
    marked.tick()
    with marked.jobs.app_context(), transaction() as session:
        session.get_one(Mail, 1).last_error = f"about {NAME}"
    life.log_in().get(f"/visits/{visit}?patient={NAME}")
    Browser(watch, marked.vendor_portal.test_client(), "vendor portal", "page of a company", "x").get(f"/r/{CONTACT}")
    note_rest(marked, watch, "".join(capfd.readouterr()))

    found = watch.places()
    assert found["name"] >= {"log", "database mail.last_error", "address of the portal", "page of the clinic"}
    assert found["contact"] >= {"log", "mail to a company", "address of the vendor portal"}
