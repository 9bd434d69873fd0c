"""The part of the visit form that says how a visit repeats."""

from datetime import date, timedelta
from typing import Any

from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput

from portal.fields import PlainDateField, PlainRadioField, PlainSelectField, PlainSelectMultipleField
from shared.repeat import MOST_VISITS, Repeat
from shared.states import Frequency
from shared.times import DAYS
from shared.web import request_now

FARTHEST_END = timedelta(days=5 * 366)

WORDS = {
    "": "Does not repeat",
    Frequency.DAILY.value: "Every day",
    Frequency.WEEKLY.value: "Every week",
    Frequency.MONTHLY.value: "Every month",
}


class PlainIntegerField(IntegerField):
    """A whole number, with a message that says how to write it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take plain digits only."""
        text = "".join(valuelist).strip()
        if text and not (text.isascii() and text.isdigit() and len(text) < 9):
            self.data = None
            raise ValueError("Write a whole number, for example 6.")
        self.data = int(text) if text else None


class RepeatFields(FlaskForm):
    """How often, on which days, until when. Empty ``repeat``: the visit does not repeat, and the rest is not read."""

    repeat = PlainSelectField(
        "Repeat",
        "Choose from the list how the visit repeats.",
        choices=[SelectChoice(value, word) for value, word in WORDS.items()],
        default="",
    )
    weekdays = PlainSelectMultipleField(
        "On",
        "Choose days of the week.",
        choices=[SelectChoice(str(number), day) for number, day in enumerate(DAYS)],
        option_widget=CheckboxInput(),
    )
    ends = PlainRadioField(
        "Ends",
        "Choose how the series ends.",
        choices=[SelectChoice("count", "After a number of visits"), SelectChoice("until", "On a date")],
        default="count",
        validators=[Optional()],
    )
    repeat_count = PlainIntegerField("Number of visits", validators=[Optional()])
    repeat_until = PlainDateField("Last date", validators=[Optional()])

    def validate(self, extra_validators: Any = None) -> bool:
        """What ends the series is needed, as soon as the visit repeats at all."""
        well = super().validate(extra_validators)
        if not self.has_rule:
            return bool(well)
        field, problem = (
            (self.repeat_until, self._until_problem()) if self.ends.data == "until" else self._count_and_problem()
        )
        if problem and not field.errors:
            field.errors = [problem]
        return bool(well) and not problem

    def _count_and_problem(self) -> tuple[Any, str]:
        enough = 1 <= (self.repeat_count.data or 0) <= MOST_VISITS
        return self.repeat_count, "" if enough else f"Write how many visits there are in all, at most {MOST_VISITS}."

    def _until_problem(self) -> str:
        if self.repeat_until.data is None:
            return "Choose the last date."
        late = self.repeat_until.data > request_now().date() + FARTHEST_END
        return "Choose a date within the next five years." if late else ""

    @property
    def has_rule(self) -> bool:
        """Whether the rest is read."""
        return bool(self.repeat.data)

    def rule(self, day: date) -> Repeat | None:
        """The rule of a form that validated. Which day of the week or month comes from ``day`` unless chosen."""
        if not self.has_rule:
            return None
        frequency, until = Frequency(self.repeat.data), self.ends.data == "until"
        return Repeat(
            frequency=frequency,
            weekdays=self._weekdays(day) if frequency is Frequency.WEEKLY else (),
            month_day=day.day if frequency is Frequency.MONTHLY else None,
            until=self.repeat_until.data if until else None,
            count=None if until else self.repeat_count.data,
        )

    def show_rule(self, repeat: Repeat | None) -> None:
        """Fill in a rule."""
        if repeat is None:
            return
        self.repeat.data = repeat.frequency.value
        self.weekdays.data = [str(day) for day in repeat.weekdays]
        self.ends.data = "count" if repeat.until is None else "until"
        self.repeat_count.data, self.repeat_until.data = repeat.count, repeat.until

    @property
    def repeat_is_used(self) -> bool:
        """Whether the part opens by itself."""
        fields = (self.repeat, self.repeat_count, self.repeat_until, self.weekdays)
        return bool(self.repeat.data) or any(field.errors for field in fields)

    def _weekdays(self, day: date) -> tuple[int, ...]:
        chosen = tuple(sorted({int(number) for number in self.weekdays.data or ()}))
        return chosen or (day.weekday(),)
