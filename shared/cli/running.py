"""Commands about the jobs: list them, run one once, run them until stopped."""

from datetime import datetime

import click

from shared import jobs as job_module
from shared.cli.opening import installation, require_newest
from shared.queries import heartbeats


@click.group()
def jobs() -> None:
    """What happens by itself: sending mail, closing requests."""


@jobs.command(name="list")
def list_jobs() -> None:
    """Show each job, how often it runs, and when it last began and came to its end."""
    with installation() as opened:
        require_newest()
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
        require_newest()
        found = {job.name: job for job in job_module.job_list(job_module.sender_for(opened.app))}
        if name not in found:
            raise click.UsageError(f"There is no job {name}. There are {', '.join(found)}.")
        if not job_module.JobRunner(opened.app).run(found[name]):
            raise click.ClickException(f"{name} failed; the lines above say why.")
    click.echo(f"{name}: done")


@jobs.command()
def serve() -> None:
    """Run all jobs until stopped."""
    with installation() as opened:
        job_module.serve(opened.app)


@click.command()
def tick() -> None:
    """Run each job once, now."""
    with installation() as opened:
        runner = job_module.JobRunner(opened.app)
        found = job_module.job_list(job_module.sender_for(opened.app))
        results = {job.name: runner.run(job) for job in found}
    for name, well in results.items():
        click.echo(f"{name}: {'done' if well else 'failed'}")
    if not all(results.values()):
        raise SystemExit(1)


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "never"
