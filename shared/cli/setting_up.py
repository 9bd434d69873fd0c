"""Commands that set an installation up: migrate, create-clinic, demo, prepare."""

import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import flask_migrate

from shared import clock, demo
from shared.actions import FirstAdmin, NewClinic
from shared.actions import create_clinic as create_clinic_with_admin
from shared.cli.answers import Address, Line, Phone, Zone
from shared.cli.opening import installation, refuse, require_usable
from shared.passwords import LONGEST, SHORTEST, password_fault
from shared.queries import installed_clinics
from shared.revisions import Standing
from shared.settings import Settings

QUESTIONS: dict[str, tuple[str, click.ParamType[str, str]]] = {
    "name": ("Clinic's name", Line(120)),
    "time_zone": ("Its time zone, such as America/Los_Angeles", Zone()),
    "contact_phone": ("Its phone, for companies", Phone()),
    "contact_email": ("Its mail address, for companies", Address()),
    "dial_in_number": ("Dial-in number of its meetings", Phone()),
    "admin_name": ("Admin's name", Line(120)),
    "admin_email": ("Admin's mail address, to log in with", Address()),
}
"""What create-clinic has to know, in this order: each an option, or else a question."""


@click.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    with installation():
        refuse(Standing.UNKNOWN)
        flask_migrate.upgrade()
    click.echo("The database is at the newest migration.")


OPTIONS = [
    click.Option([f"--{field.replace('_', '-')}"], type=kind, help=f"{question}.")
    for field, (question, kind) in QUESTIONS.items()
]


@click.command(name="create-clinic", params=OPTIONS)
@click.option("--password-stdin", is_flag=True, help="Read the admin's password from the first line of the input.")
@click.option("--yes", is_flag=True, help="Don't ask whether a second clinic is meant.")
def create_clinic(*, password_stdin: bool, yes: bool, **given: str | None) -> None:
    """Create a clinic and its first admin. Asks for what no option says."""
    if password_stdin:
        _demand(given)
    with installation() as opened:
        require_usable()
        _confirm_another(yes=yes, asking=not password_stdin)
        answers = {
            field: given[field] or click.prompt(question, type=kind) for field, (question, kind) in QUESTIONS.items()
        }
        admin = FirstAdmin(name=answers.pop("admin_name"), email=answers.pop("admin_email").lower())
        wanted = NewClinic(**answers)
        about = (admin.email, admin.name, wanted.name)
        fault_of = partial(password_fault, about=about, leaked=opened.settings.leaked_passwords_file)
        password = _password_of_input(fault_of) if password_stdin else _asked_password(fault_of)
        result = create_clinic_with_admin(wanted, admin, password=password, now=clock.utc_now())
        if result.errors:
            raise click.ClickException(" ".join(result.errors.values()))
    click.echo(f"{wanted.name} is created. {admin.name} can log in as {admin.email} and add companies and users.")


@click.command(name="demo")
def load_demo() -> None:
    """Load the demo clinics into an empty database.

    Outside development everybody in them gets a password that was made for this database alone.
    """
    with installation() as opened:
        require_usable()
        password = demo.PASSWORD if opened.settings.development else secrets.token_urlsafe(16)
        if not demo.load_if_empty(password=password, now=clock.utc_now()):
            raise click.ClickException("The database holds a clinic already; nothing was loaded.")
        names = " and ".join(clinic.name for clinic in installed_clinics())
    click.echo(f"{names} are loaded, with users, companies and two weeks of visits.\n\n{_logins(password)}")


@click.command()
def prepare() -> None:
    """What `make run` does first.

    Migrate, load the demo clinics if the database is empty, and say where everything is.
    """
    with installation() as opened:
        if not opened.settings.development:
            raise click.ClickException("This is for development. To try things in an installation: migrate, then demo.")
        flask_migrate.upgrade()
        demo.load_if_empty(password=demo.PASSWORD, now=clock.utc_now())
    opened.settings.mailbox_path.parent.mkdir(parents=True, exist_ok=True)
    click.echo(_welcome(opened.settings))


def _demand(given: dict[str, str | None]) -> None:
    """The input is the password: nobody can be asked for the rest."""
    missing = [f"--{field.replace('_', '-')}" for field, value in given.items() if value is None]
    if missing:
        raise click.UsageError(f"With --password-stdin, give {', '.join(missing)} too.")


def _confirm_another(*, yes: bool, asking: bool) -> None:
    """Most installations have one clinic: a second one may be a slip."""
    names = ", ".join(clinic.name for clinic in installed_clinics())
    if not names or yes:
        return
    if not asking:
        raise click.ClickException(f"The database holds {names} already. Use --yes to create another clinic.")
    click.confirm(f"The database holds {names} already. Create another clinic?", abort=True)


def _asked_password(fault_of: Callable[[str], str]) -> str:
    """Ask for it twice without showing it."""

    def checked(value: str) -> str:
        if fault := fault_of(value):
            raise click.UsageError(fault)
        return value

    question = f"Admin's password, {SHORTEST} to {LONGEST} characters (not shown)"
    return click.prompt(question, hide_input=True, confirmation_prompt="Once more", value_proc=checked)


def _password_of_input(fault_of: Callable[[str], str]) -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if fault := fault_of(password):
        raise click.ClickException(f"The password can't be used. {fault}")
    return password


def _logins(password: str) -> str:
    rows = "\n".join(f"    {email:<24} {role}" for email, role in demo.LOGINS)
    return f"  Logins, all with the password {password}\n{rows}"


def _welcome(settings: Settings) -> str:
    """What `make run` prints before the servers start."""
    return f"""
  Interpreter Dispatch

  Clinic portal   {settings.portal_url}
  Vendor portal   {settings.vendor_portal_url}  (companies come here from their mail)
  Mail            {settings.portal_url}/dev/mailbox  ({_short(settings.mailbox_path)})

{_logins(demo.PASSWORD)}

  Ctrl-C stops everything.
"""


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
