"""Commands about the jobs: list them, run one once, run them until stopped."""

from datetime import datetime

import click

from shared import jobs as job_module
from shared.cli.opening import installation, refuse, require_usable
from shared.queries import heartbeats
from shared.revisions import Standing
from shared.watching import watch_jobs


@click.group()
def jobs() -> None:
    """What happens by itself: sending mail, closing requests."""


@jobs.command(name="list")
def list_jobs() -> None:
    """Show each job, how often it runs, and when it last began and came to its end."""
    with installation() as opened:
        require_usable()
        beats = heartbeats()
        click.echo(f"{'job':<20} {'every':>6}  {'last began':<24} last ended")
        for job in job_module.job_list(job_module.sender_for(opened.app)):
            beat = beats.get(job.name)
            began, ended = (beat.started_at, beat.completed_at) if beat else (None, None)
            click.echo(f"{job.name:<20} {job.every_seconds:>4} s  {_when(began):<24} {_when(ended)}")


@jobs.command(name="run")
@click.argument("name")
def run_job(name: str) -> None:
    """Run one cycle of the job NAME, now. It does no harm beside the running jobs."""
    with installation() as opened:
        require_usable()
        found = {job.name: job for job in job_module.job_list(job_module.sender_for(opened.app))}
        if name not in found:
            raise click.UsageError(f"There is no job {name}. There are {', '.join(found)}.")
        fault = _run(job_module.JobRunner(opened.app), found[name])
    if fault:
        raise click.ClickException(f"{name} {fault}")
    click.echo(f"{name}: done")


@jobs.command()
def serve() -> None:
    """Run all jobs until stopped."""
    with installation(serves=True) as opened:
        refuse(Standing.EMPTY, Standing.BEHIND)
        job_module.hold_stop_signals()
        sender = job_module.sender_for(opened.app)
        try:
            watch_jobs(opened.app, sender, opened.settings)
        except OSError as error:
            raise click.ClickException(f"JOBS_PORT can't be used: {error.strerror}.") from error
        job_module.serve(opened.app, sender)


@click.command()
def tick() -> None:
    """Run each job once, now."""
    with installation() as opened:
        refuse(Standing.EMPTY, Standing.BEHIND)
        runner = job_module.JobRunner(opened.app)
        found = job_module.job_list(job_module.sender_for(opened.app))
        faults = {job.name: _run(runner, job) for job in found}
    for name, fault in faults.items():
        click.echo(f"{name} {fault}" if fault else f"{name}: done")
    if any(faults.values()):
        raise SystemExit(1)


def _run(runner: job_module.JobRunner, job: job_module.Job) -> str:
    """Run one cycle. What went wrong, to stand behind the job's name; empty if all that was due is done."""
    if not runner.run(job):
        return "failed; the lines above say why."
    if job.waits():
        return "waits: the mail server can't be reached, or refuses the login. Run: python -m shared.cli check"
    return ""


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "never"
