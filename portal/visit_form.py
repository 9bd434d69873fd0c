"""The visit form: its fields, the draft it becomes, and the pages it stands on."""

import re
import secrets
from datetime import date, datetime, timedelta
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import Response
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import DateField, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField, TimeField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.drafts import author_token
from portal.fields import clean_text, one_line, plain_text
from shared import times
from shared.plan import VisitDraft
from shared.queries import Viewer, VisitFormChoices, interpreter_choices, visit_form
from shared.states import VisitType
from shared.web import page, request_now

DURATIONS = (10, 15, 20, 30, 40, 45, 50, 60, 75, 90, 105, 120, 150, 180, 240, 300, 360, 420, 480)
VISIT_TYPES = {VisitType.VIDEO: "Video", VisitType.PHONE: "Phone"}
FARTHEST = timedelta(days=731)
MAX_PICKS = 100

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class PlainDateField(DateField):
    """A date, with a message that says how to write it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take ISO dates only, as browsers send them."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Write the date as year-month-day, for example 2026-11-24.") from None


class PlainTimeField(TimeField):
    """A wall time, with a message that says how to write it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take 24-hour times, as browsers send them."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Write the time as hours and minutes, for example 09:30.") from None


class VisitForm(FlaskForm):
    """Create New Visit. What needs the database (who can be asked, overlaps) is checked by the plan."""

    key = HiddenField()
    patient_name = StringField(
        "Patient name",
        filters=[clean_text],
        validators=[DataRequired("Write the patient's name."), Length(max=120), plain_text, one_line],
    )
    patient_contact = StringField(
        "Patient e-mail or phone", filters=[clean_text], validators=[Length(max=254), plain_text, one_line]
    )
    provider = SelectField("Provider", validate_choice=False, validators=[InputRequired("Choose a provider.")])
    date = PlainDateField("Date", validators=[InputRequired("Choose a date.")])
    start_time = PlainTimeField(
        "Start time", format=["%H:%M", "%H:%M:%S"], validators=[InputRequired("Choose a start time.")]
    )
    duration = SelectField("Duration", choices=[SelectChoice(str(n), times.duration_text(n)) for n in DURATIONS])
    visit_type = SelectField(
        "Visit type", choices=[SelectChoice(kind.value, word) for kind, word in VISIT_TYPES.items()]
    )
    reason = StringField("Reason", filters=[clean_text], validators=[Length(max=200), plain_text, one_line])
    language = SelectField("Language", validate_choice=False)
    interpreter = SelectMultipleField("Interpreter", validate_choice=False)
    notes = TextAreaField("Notes for Interpreter", filters=[clean_text], validators=[Length(max=1000), plain_text])

    def renew_key(self) -> None:
        """From here on the form is another one: what its old key made is not made again, nor found again."""
        self.key.data = secrets.token_urlsafe(16)

    def keep_key(self) -> None:
        """One key from the first page of the form on, through previews, Back and reloads; a new one if it has none."""
        if not _KEY.fullmatch(self.key.data or ""):
            self.renew_key()

    def validate_patient_contact(self, field: Any) -> None:
        """An address or a telephone number, if anything."""
        value = field.data or ""
        if "@" in value:
            try:
                validate_email(value, check_deliverability=False)
            except EmailNotValidError:
                raise ValidationError("This is not a complete e-mail address.") from None
        elif value and (sum(c.isdigit() for c in value) < 5 or not set(value) <= set("0123456789+-()./ x")):
            raise ValidationError("Write an e-mail address or a phone number.")

    def validate_date(self, field: Any) -> None:
        """Within reach: a typing slip in the year is not a visit."""
        today = request_now().date()
        if field.data and field.data > today + FARTHEST:
            raise ValidationError("Choose a date within the next two years.")
        if field.data and field.data < today - timedelta(days=2):
            raise ValidationError("That date has passed. Choose a later one.")

    def validate_interpreter(self, field: Any) -> None:
        """A bound on how much one form may ask."""
        if len(field.data or ()) > MAX_PICKS or any(len(pick) > 40 for pick in field.data or ()):
            raise ValidationError("Choose from the list.")

    @property
    def draft(self) -> VisitDraft:
        """The values of a form that validated."""
        assert self.date.data is not None
        assert self.start_time.data is not None
        provider = self.provider.data or ""
        return VisitDraft(
            patient_name=self.patient_name.data or "",
            patient_contact=self.patient_contact.data or "",
            provider_id=int(provider) if provider.isascii() and provider.isdigit() and len(provider) < 19 else 0,
            day=self.date.data,
            wall=self.start_time.data,
            duration_minutes=int(self.duration.data),
            visit_type=VisitType(self.visit_type.data),
            reason=self.reason.data or "",
            language_tag=(self.language.data or "")[:35],
            picks=tuple(dict.fromkeys(self.interpreter.data or ())),
            notes=self.notes.data or "",
        )

    @property
    def more_is_used(self) -> bool:
        """Whether More options holds anything, and so opens by itself."""
        fields = (self.language, self.interpreter, self.notes)
        return any(field.data or field.errors for field in fields)

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values as a browser would send them, for a page that carries the form along."""
        found: list[tuple[str, str]] = []
        for field in self:
            if field.name == "csrf_token":
                continue
            if isinstance(field, (DateField, TimeField)):
                found.append((field.name, " ".join(field.raw_data or ())))
            elif isinstance(field, SelectMultipleField):
                found += [(field.name, str(value)) for value in field.data or ()]
            else:
                found.append((field.name, str(field.data or "")))
        return found


def new_form(viewer: Viewer, *, day: date | None, now: datetime) -> VisitForm:
    """An empty form, with the day that the schedule showed and the provider that can be no other."""
    choices = visit_form(viewer.scope, viewer.time_zone, now=now)
    form = VisitForm(formdata=None, date=max(day or choices.today, choices.today), duration="30", visit_type="video")
    if len(choices.providers) == 1:
        form.provider.data = choices.providers[0].value
    return form


def add_errors(form: VisitForm, errors: dict[str, str]) -> None:
    """Put the plan's objections at their fields."""
    for name, sentence in errors.items():
        field = form[name]
        field.errors = [*field.errors, sentence]


def form_page(viewer: Viewer, form: VisitForm, *, status: int = 200, notice: str = "") -> Response:
    """The form, with everything that was filled in, and the choices for the language chosen."""
    choices: VisitFormChoices = visit_form(viewer.scope, viewer.time_zone, now=request_now())
    form.keep_key()
    return page(
        "visits/new.html",
        status=status,
        form=form,
        choices=choices,
        interpreters=interpreter_choices(viewer.scope, (form.language.data or "")[:35]),
        picked=frozenset(form.interpreter.data or ()),
        is_news=False,
        notice=notice,
        author=author_token(viewer.scope.user_id),
    )


def restored_page(viewer: Viewer, waiting: MultiDict[str, str], *, status: int = 200) -> Response:
    """The form as it was when the login got lost."""
    form = VisitForm(formdata=waiting)
    return form_page(
        viewer, form, status=status, notice="You had been logged out. Everything you filled in is still here."
    )
