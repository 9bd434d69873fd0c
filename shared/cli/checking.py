"""The command that says whether an installation can work."""

import click

from shared import clock
from shared.checks import findings


@click.command()
def check() -> None:
    """Say what has to be mended before the product works.

    Looks at settings, folder, database, migration, clinics, jobs and mail server. Changes nothing and sends no mail.
    The exit code is 1 if something has to be mended.
    """
    well = True
    for finding in findings(now=clock.utc_now()):
        well = well and finding.well
        first, *more = finding.words.splitlines()
        click.echo(f"{'ok  ' if finding.well else 'MEND'}  {finding.about:<12} {first}")
        for line in more:
            click.echo(f"{'':<19}{line}")
    if not well:
        raise SystemExit(1)
