"""The command that lets somebody in whom no administrator can help."""

import click

from shared import clock
from shared.actions import reset_factor_of
from shared.cli.answers import Address
from shared.cli.opening import installation, require_usable


@click.command(name="reset-second-factor")
@click.argument("email", type=Address())
def reset_second_factor(email: str) -> None:
    """Take away the second factor of the person who logs in as EMAIL.

    For an administrator who has lost phone and recovery codes; everybody else asks one. The password stays.
    """
    with installation():
        require_usable()
        name = reset_factor_of(email, now=clock.utc_now())
    click.echo(f"{name} has no second factor any more and is logged out everywhere. The password stays as it was.")
