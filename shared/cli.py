"""Commands: python -m shared.cli --help."""

import logging
import os
import sys
from pathlib import Path

import click
import flask_migrate
from flask import Flask

from shared import clock, demo, jobs
from shared.errors import SettingsError
from shared.settings import Settings, from_environ
from shared.web import create_base


def _app() -> tuple[Flask, Settings]:
    try:
        settings = from_environ()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    for noisy in ("apscheduler", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)  # a cycle longer than its interval is no news
    return create_base("jobs", settings), settings


@click.group()
def main() -> None:
    """Interpreter Dispatch: set-up and jobs."""


@main.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    app, _settings = _app()
    with app.app_context():
        flask_migrate.upgrade()
    click.echo("The database is at the newest migration.")


@main.command(name="demo")
def load_demo() -> None:
    """Load the demo clinic into an empty database."""
    app, _settings = _app()
    with app.app_context():
        loaded = demo.load_if_empty(now=clock.utc_now())
    click.echo("The demo clinic is loaded." if loaded else "The database holds a clinic already; nothing was loaded.")


@main.command()
def prepare() -> None:
    """For development: migrate, load the demo clinic if the database is empty, and say where everything is."""
    app, settings = _app()
    with app.app_context():
        flask_migrate.upgrade()
        demo.load_if_empty(now=clock.utc_now())
    settings.mailbox_path.parent.mkdir(parents=True, exist_ok=True)
    click.echo(welcome(settings))


@main.command(name="jobs")
def run_jobs() -> None:
    """Run the jobs until stopped."""
    app, _settings = _app()
    jobs.serve(app)


@main.command()
def tick() -> None:
    """Run each job once, now."""
    app, _settings = _app()
    runner = jobs.JobRunner(app)
    results = {job.name: runner.run(job) for job in jobs.job_list(jobs.sender_for(app))}
    for name, well in results.items():
        click.echo(f"{name}: {'done' if well else 'failed'}")
    if not all(results.values()):
        raise SystemExit(1)


def welcome(settings: Settings) -> str:
    """What `make run` prints before the servers start."""
    logins = "\n".join(f"    {email:<24} {role}" for email, role in demo.LOGINS)
    return f"""
  Interpreter Dispatch

  Clinic portal   {settings.portal_url}
  Vendor portal   {settings.vendor_portal_url}  (companies come here from their mail)
  Mail            {settings.portal_url}/dev/mailbox  ({_short(settings.mailbox_path)})

  Logins, all with the password {demo.PASSWORD}
{logins}

  Ctrl-C stops everything.
"""


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    main()
