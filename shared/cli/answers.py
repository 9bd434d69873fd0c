"""What people may answer to a command's questions, as in the portal's forms. A wrong answer is asked for again."""

from typing import Any

import click

from shared import times
from shared.texts import NO_PHONE_NUMBER, UNREADABLE, is_mail_address, is_one_line, is_phone_number, is_readable, tidy


class Line(click.ParamType[str, str]):
    """A line of text, tidied, no longer than what the database keeps."""

    name = "text"

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The line, or a message that says why not."""
        line = tidy(str(value))
        if not line:
            self.fail("This can't be empty.", param, ctx)
        if not is_readable(line):
            self.fail(UNREADABLE, param, ctx)
        if not is_one_line(line):
            self.fail("Write this on one line.", param, ctx)
        if len(line) > self.longest:
            self.fail(f"This is longer than {self.longest} characters. Shorten it.", param, ctx)
        return line


class Address(Line):
    """A mail address."""

    name = "address"

    def __init__(self) -> None:
        super().__init__(254)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address, or a message."""
        line = super().convert(value, param, ctx)
        if not is_mail_address(line):
            self.fail("This is no mail address. Write it as name@example.org.", param, ctx)
        return line


class Phone(Line):
    """A telephone number."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(40)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The number, or a message."""
        line = super().convert(value, param, ctx)
        if not is_phone_number(line):
            self.fail(NO_PHONE_NUMBER, param, ctx)
        return line


class Zone(click.ParamType[str, str]):
    """A time zone by its IANA name."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The zone, or those that may have been meant."""
        wanted = tidy(str(value))
        if wanted in times.zones():
            return wanted
        place = wanted.rpartition("/")[2].replace(" ", "_").casefold()
        near = [zone for zone in times.zones() if place and place in zone.casefold()][:5]
        hint = f"Did you mean {' or '.join(near)}?" if near else "Write it as America/Los_Angeles."
        return self.fail(f"There is no time zone of this name. {hint}", param, ctx)
