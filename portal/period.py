"""From a date to a date, as forms that search ask for it."""

from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms.validators import Optional, ValidationError

from portal.dates import EARLIEST, LATEST
from portal.fields import PlainDateField
from shared import times


class PeriodForm(FlaskForm):
    """Two dates, both included, either of which may be left out."""

    since = PlainDateField("From", name="from", validators=[Optional()])
    until = PlainDateField("To", name="to", validators=[Optional()])

    def validate_since(self, field: Any) -> None:
        """Within reach of the schedule."""
        if field.data and not EARLIEST <= field.data <= LATEST:
            raise ValidationError(f"Choose a date from {EARLIEST} to {LATEST}.")

    def validate_until(self, field: Any) -> None:
        """Within reach, and not before the first date."""
        self.validate_since(field)
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError("This is before the first date. Choose a later one.")

    def bounds(self, zone: str) -> tuple[datetime | None, datetime | None]:
        """The half-open period of a form that validated, in a zone; None where a date was left out."""
        begins = times.day_bounds(self.since.data, zone)[0] if self.since.data else None
        return begins, times.day_bounds(self.until.data, zone)[1] if self.until.data else None
