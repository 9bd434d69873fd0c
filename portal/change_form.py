"""The forms that change a visit, and the wishes they become."""

from dataclasses import replace
from datetime import date, time
from typing import Any, ClassVar

from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import ValidationError

from portal.fields import PlainRadioField, at_most, clean_text, id_of, plain_text
from portal.interpreter_fields import LONGEST_TAG, interpreter_field, language_field, notes_field
from portal.keyed_form import KeyedForm
from portal.repeat_fields import FARTHEST_END, WORDS
from portal.visit_form import VisitForm
from shared import times
from shared.changes import ChangeKind, Wish
from shared.plan import VisitDraft
from shared.queries import ChangeForm
from shared.repeat import Repeat
from shared.states import Frequency, Reach, VisitType
from shared.web import request_now

_TEXTS = frozenset({"patient_name", "patient_contact", "reason", "notes"})


class ChangeFields(KeyedForm):
    """What every change carries: the visit's version when it began, what the form opened with (sealed), and for which
    visits of a series it is."""

    kind: ClassVar[ChangeKind]

    version = HiddenField()
    opened = HiddenField()
    reach = PlainRadioField(
        "For which visits",
        "Choose for which visits this is.",
        choices=[SelectChoice(reach.value, reach.value) for reach in Reach],
        default=Reach.THIS.value,
    )

    def wish(self, visit_id: int) -> Wish:
        """What a form that validated wants."""
        return Wish(self.kind, visit_id, id_of(self.version.data or ""), Reach(self.reach.data))

    @property
    def can_be_planned(self) -> bool:
        """Whether all that a plan reads is right: of the texts it reads only whether they are there."""
        return {name for name, field in self._fields.items() if field.errors} <= _TEXTS

    def offer(self, opened: ChangeForm) -> None:
        """Name the visits that each reach is for."""
        series = opened.series
        if series is None:
            return
        # "Following" goes by the date that the rule gave, also for a visit that was moved to another.
        moved = f", by the rule from {times.day_text(series.ruled_on)}" if series.ruled_on else ""
        to_come = "1 visit" if series.all == 1 else f"{series.all} visits"
        self.reach.choices = [
            SelectChoice(Reach.THIS.value, "This visit"),
            SelectChoice(Reach.FOLLOWING.value, f"This and following{moved} ({series.following})"),
            SelectChoice(Reach.ALL.value, f"All ({to_come} to come)"),
        ]


class EditForm(ChangeFields, VisitForm):
    """A visit's form once it exists. The rule belongs to "this and following" and is not read otherwise.

    ``month_day`` is the rule's: a visit on the last day of February may belong to a rule for the 31st.
    """

    kind = ChangeKind.EDIT

    month_day = HiddenField()

    def offer(self, opened: ChangeForm) -> None:
        """A series that repeats no more would be none."""
        super().offer(opened)
        if opened.series is not None:
            self.repeat.choices = [SelectChoice(value, word) for value, word in WORDS.items() if value]

    def validate_date(self, field: Any) -> None:
        """Within reach: the last visits of a series may be years away. What has passed, and what is too far for a visit
        that does not repeat, is the plan's to say."""
        if field.data and field.data > request_now().date() + FARTHEST_END:
            raise ValidationError("Choose a date within the next five years.")

    def validate_repeat(self, field: Any) -> None:
        """A series goes on or is cancelled, it does not become something else. Only its form has this field."""
        if self._rules and field.raw_data and not field.data:
            raise ValidationError("Choose how the visits repeat. To end the series, cancel the visits.")

    @property
    def has_rule(self) -> bool:
        """Read with "this and following" alone."""
        return self._rules and super().has_rule

    def rule(self, day: date) -> Repeat | None:
        """The rule from this visit on, or None where it stays as it is."""
        found = super().rule(day)
        kept = id_of(self.month_day.data or "")
        if found is None or found.frequency is not Frequency.MONTHLY or not 1 <= kept <= 31:
            return found
        return replace(found, month_day=kept)

    def wish(self, visit_id: int) -> Wish:
        """The whole form; what of it differs is the plan's to find out."""
        return replace(super().wish(visit_id), draft=self.draft)

    @property
    def _rules(self) -> bool:
        return self.reach.data == Reach.FOLLOWING


class AskForm(ChangeFields):
    """Ask again, or for the first time: whom, for which language, with which notes."""

    kind = ChangeKind.ASK

    language = language_field()
    interpreter = interpreter_field()
    notes = notes_field()

    def wish(self, visit_id: int) -> Wish:
        """Of its draft the interpreter's part alone is read; the rest stays as it is, whatever stands here."""
        draft = VisitDraft(
            patient_name="",
            patient_contact="",
            provider_id=0,
            day=date.min,
            wall=time.min,
            duration_minutes=0,
            visit_type=VisitType.VIDEO,
            reason="",
            language_tag=(self.language.data or "")[:LONGEST_TAG],
            picks=tuple(dict.fromkeys(self.interpreter.data or ())),
            notes=self.notes.data or "",
        )
        return replace(super().wish(visit_id), draft=draft)


class CancelForm(ChangeFields):
    """Cancel: the reason stays in the clinic."""

    kind = ChangeKind.CANCEL

    reason = TextAreaField("Reason", filters=[clean_text], validators=[at_most(300), plain_text])

    def wish(self, visit_id: int) -> Wish:
        """With the reason, if one was given."""
        return replace(super().wish(visit_id), reason=self.reason.data or "")


FORMS: dict[ChangeKind, type[ChangeFields]] = {form.kind: form for form in (EditForm, AskForm, CancelForm)}


def filled_form(kind: ChangeKind, opened: ChangeForm) -> ChangeFields:
    """The form as it opens: the visit as it is now."""
    form = FORMS[kind](formdata=None)
    form.version.data = str(opened.version)
    if isinstance(form, EditForm):
        _fill_visit(form, opened.draft)
    if isinstance(form, (EditForm, AskForm)):
        form.language.data, form.notes.data = opened.draft.language_tag, opened.draft.notes
        form.interpreter.data = list(opened.picks)
    return form


def sent_form(kind: ChangeKind, waiting: MultiDict[str, str] | None = None) -> ChangeFields:
    """The form as it was sent with this request, or before the login got lost."""
    return FORMS[kind]() if waiting is None else FORMS[kind](formdata=waiting)


def _fill_visit(form: EditForm, draft: VisitDraft) -> None:
    form.patient_name.data, form.patient_contact.data = draft.patient_name, draft.patient_contact
    form.provider.data, form.reason.data = str(draft.provider_id), draft.reason
    form.date.data, form.start_time.data = draft.day, draft.wall
    form.duration.data, form.visit_type.data = str(draft.duration_minutes), draft.visit_type.value
    form.show_rule(draft.repeat)
    form.month_day.data = str(draft.repeat.month_day or "") if draft.repeat else ""
