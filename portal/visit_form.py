"""The visit form: its fields, the draft it becomes, and the pages it stands on."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Response
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, InputRequired, ValidationError

from portal.drafts import author_token
from portal.fields import (
    PlainDateField,
    PlainSelectField,
    PlainTimeField,
    at_most,
    clean_text,
    id_of,
    one_line,
    plain_text,
)
from portal.interpreter_fields import LONGEST_TAG, interpreter_field, language_field, notes_field
from portal.keyed_form import KeyedForm
from portal.repeat_fields import RepeatFields
from shared import times
from shared.plan import VisitDraft
from shared.queries import Viewer, VisitFormChoices, interpreter_choices, visit_form
from shared.rules import FARTHEST_VISIT
from shared.states import VisitType
from shared.texts import is_complete_address
from shared.web import page, request_now

DURATIONS = (10, 15, 20, 30, 40, 45, 50, 60, 75, 90, 105, 120, 150, 180, 240, 300, 360, 420, 480)
VISIT_TYPES = {VisitType.VIDEO: "Video", VisitType.PHONE: "Phone"}


class VisitForm(KeyedForm, RepeatFields):
    """Create New Visit. What needs the database (who can be asked, overlaps) is checked by the plan."""

    patient_name = StringField(
        "Patient name",
        filters=[clean_text],
        validators=[DataRequired("Write the patient's name."), at_most(120), plain_text, one_line],
    )
    patient_contact = StringField(
        "Patient e-mail or phone", filters=[clean_text], validators=[at_most(254), plain_text, one_line]
    )
    provider = SelectField("Provider", validate_choice=False, validators=[InputRequired("Choose a provider.")])
    date = PlainDateField("Date", validators=[InputRequired("Choose a date.")])
    start_time = PlainTimeField(
        "Start time", format=["%H:%M", "%H:%M:%S"], validators=[InputRequired("Choose a start time.")]
    )
    duration = PlainSelectField(
        "Duration",
        "Choose a duration from the list.",
        choices=[SelectChoice(str(n), times.duration_text(n)) for n in DURATIONS],
    )
    visit_type = PlainSelectField(
        "Visit type",
        "Choose a visit type from the list.",
        choices=[SelectChoice(kind.value, word) for kind, word in VISIT_TYPES.items()],
    )
    reason = StringField("Reason", filters=[clean_text], validators=[at_most(200), plain_text, one_line])
    language = language_field()
    interpreter = interpreter_field()
    notes = notes_field()

    def validate_patient_contact(self, field: Any) -> None:
        """An address or a telephone number, if anything."""
        value = field.data or ""
        if "@" in value:
            if not is_complete_address(value):
                raise ValidationError("This is not a complete e-mail address.")
        elif value and (sum(c.isdigit() for c in value) < 5 or not set(value) <= set("0123456789+-()./ x")):
            raise ValidationError("Write an e-mail address or a phone number.")

    def validate_date(self, field: Any) -> None:
        """Within reach: a typing slip in the year is not a visit."""
        today = request_now().date()
        if field.data and field.data > today + FARTHEST_VISIT:
            raise ValidationError("Choose a date within the next two years.")
        if field.data and field.data < today - timedelta(days=2):
            raise ValidationError("That date has passed. Choose a later one.")

    @property
    def draft(self) -> VisitDraft:
        """The values of a form that validated."""
        assert self.date.data is not None
        assert self.start_time.data is not None
        return VisitDraft(
            patient_name=self.patient_name.data or "",
            patient_contact=self.patient_contact.data or "",
            provider_id=id_of(self.provider.data or ""),
            day=self.date.data,
            wall=self.start_time.data,
            duration_minutes=int(self.duration.data),
            visit_type=VisitType(self.visit_type.data),
            reason=self.reason.data or "",
            language_tag=(self.language.data or "")[:LONGEST_TAG],
            picks=tuple(dict.fromkeys(self.interpreter.data or ())),
            notes=self.notes.data or "",
            repeat=self.rule(self.date.data),
        )

    @property
    def more_is_used(self) -> bool:
        """Whether More options holds anything, and so opens by itself."""
        fields = (self.language, self.interpreter, self.notes)
        return any(field.data or field.errors for field in fields)


def new_form(viewer: Viewer, *, day: date | None, now: datetime) -> VisitForm:
    """An empty form, with the day that the schedule showed and the provider that can be no other."""
    choices = visit_form(viewer.scope, viewer.time_zone, now=now)
    form = VisitForm(formdata=None, date=max(day or choices.today, choices.today), duration="30", visit_type="video")
    if len(choices.providers) == 1:
        form.provider.data = choices.providers[0].value
    return form


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
