"""Runs the commands."""

from shared.cli import main

main(prog_name="python -m shared.cli")
