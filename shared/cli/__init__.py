"""Commands: python -m shared.cli --help."""

import click

from shared.cli.accounts import reset_second_factor
from shared.cli.checking import check
from shared.cli.copies import backup, restore
from shared.cli.running import jobs, tick
from shared.cli.setting_up import create_clinic, load_demo, migrate, prepare


@click.group()
def main() -> None:
    """Interpreter Dispatch: set-up, jobs, checks and backups. Settings come from the environment."""


for command in (migrate, create_clinic, reset_second_factor, check, jobs, backup, restore, load_demo, prepare, tick):
    main.add_command(command)
