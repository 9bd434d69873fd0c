"""The clinic's settings."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, EmailField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from portal.access import viewer
from portal.admin.saving import RecordForm, ZoneField, add_errors, name_field, open_with, phone_field, sides
from portal.fields import PlainSelectField, clean_text, mail_address, plain_text
from shared.actions import SaveOutcome, change_settings
from shared.queries import SettingsPage, settings_page
from shared.records import ClinicRecord
from shared.rules import KEEP_LONGEST_DAYS, KEEP_SHORTEST_DAYS
from shared.web import page, request_now, services

bp = Blueprint("settings", __name__, url_prefix="/admin/settings")

SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
LONGEST_SECONDS = 30 * SECONDS["days"]


class DaysField(StringField):
    """For how many days after a visit something is kept."""

    def __init__(self, label: str, **settings: Any) -> None:
        missing = InputRequired("Write for how many days.")
        super().__init__(label, filters=[clean_text], validators=[missing], **settings)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:  # noqa: ARG002 - WTForms' own signature
        """Within what a clinic may choose."""
        text = str(self.data or "")
        days = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
        if not validation_stopped and not KEEP_SHORTEST_DAYS <= days <= KEEP_LONGEST_DAYS:
            raise ValidationError(f"Write a whole number of days, from {KEEP_SHORTEST_DAYS} to {KEEP_LONGEST_DAYS}.")


class SettingsForm(RecordForm):
    """The settings. The invite duration is a number and its unit."""

    name = name_field("Clinic name", "Write the clinic's name.")
    contact_email = EmailField(
        "Contact e-mail",
        filters=[clean_text],
        validators=[
            DataRequired("Write the address that companies write to."),
            Length(max=254, message="At most 254 characters."),
            plain_text,
            mail_address,
        ],
    )
    contact_phone = phone_field("Contact phone", "Write the number that companies call.")
    dial_in_number = phone_field("Dial-in number", "Write the number that a meeting is joined at by telephone.")
    dispatch_enabled = BooleanField("Ask companies for interpreters")
    duration = StringField(
        "Invite duration", filters=[clean_text], validators=[InputRequired("Write how long companies may answer.")]
    )
    unit = PlainSelectField(
        "Unit of the invite duration",
        "Choose minutes, hours or days.",
        choices=[SelectChoice(unit, unit) for unit in SECONDS],
    )
    time_zone = ZoneField("Time zone")
    keep_patients_days = DaysField("Patients (days)")
    keep_contacts_days = DaysField("Interpreters' contacts (days)")
    removes = BooleanField("Remove at once what has been kept that long, for good")
    second_factor_required = BooleanField("Second factor required")

    def validate_duration(self, field: Any) -> None:
        """From one minute to 30 days."""
        text, seconds = field.data or "", SECONDS.get(self.unit.data, 0)
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
        if not 60 <= number * seconds <= LONGEST_SECONDS:
            raise ValidationError("Write a whole number, from 1 minute to 30 days.")

    @property
    def record(self) -> ClinicRecord:
        """The settings of a form that validated."""
        return ClinicRecord(
            name=self.name.data or "",
            dispatch_enabled=bool(self.dispatch_enabled.data),
            invite_duration_seconds=int(self.duration.data or 0) * SECONDS[self.unit.data],
            time_zone=self.time_zone.data,
            contact_phone=self.contact_phone.data or "",
            contact_email=self.contact_email.data or "",
            dial_in_number=self.dial_in_number.data or "",
            keep_patients_days=int(self.keep_patients_days.data or 0),
            keep_contacts_days=int(self.keep_contacts_days.data or 0),
            second_factor_required=bool(self.second_factor_required.data),
        )

    def fields_for(self, name: str, value: Any) -> dict[str, Any]:
        """The duration in its largest whole unit."""
        if name != "invite_duration_seconds":
            return super().fields_for(name, value)
        number, unit = _in_units(value)
        return {"duration": str(number), "unit": unit}


@bp.get("")
def show() -> Response:
    """The settings as they are."""
    shown = settings_page(viewer().scope, now=request_now())
    form = open_with(SettingsForm(formdata=None), shown.record)
    return _page(form, shown, done=request.args.get("done") == "saved")


@bp.post("")
def save() -> Response:
    """Save the settings; what somebody else saved meanwhile is shown first."""
    form, scope = SettingsForm(), viewer().scope
    form.time_zone.offer(viewer().time_zone)
    if not form.validate():
        return _page(form, settings_page(scope, now=request_now()), status=422)
    removes = bool(form.removes.data)
    result = change_settings(scope, form.record, stamp=form.stamp.data or "", removes=removes, now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".show", done="saved"), 303)
    add_errors(form, result.errors)
    if result.errors:
        return _page(form, settings_page(scope, now=request_now()), status=422, asks_to_remove=True)
    shown = settings_page(scope, now=request_now())
    return _page(form, shown, status=409, sides=sides(form, shown.record, _say))


def _page(form: SettingsForm, shown: SettingsPage, *, status: int = 200, **more: Any) -> Response:
    context: dict[str, Any] = {"sides": (), "done": False, "asks_to_remove": bool(form.removes.data)} | more
    context["keep_logins_days"] = services().settings.keep_logins_days
    return page("admin/settings.html", status=status, form=form, shown=shown, **context)


def _in_units(seconds: int) -> tuple[int, str]:
    """The duration in its largest whole unit, but 24 hours and not one day."""
    for unit in ("days", "hours"):
        if seconds % SECONDS[unit] == 0 and seconds // SECONDS[unit] > 1:
            return seconds // SECONDS[unit], unit
    return seconds // SECONDS["minutes"], "minutes"


def _say(name: str, value: Any) -> str:
    if name == "invite_duration_seconds":
        return "{} {}".format(*_in_units(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if name in {"keep_patients_days", "keep_contacts_days"}:
        return f"{value} days"
    return str(value)
