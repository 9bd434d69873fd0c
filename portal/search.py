"""Search on the schedule. Its address can be shared, so a patient's name never stands in it: that one is posted."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import ValidationError

from portal.access import viewer
from portal.fields import at_most, clean_text, one_line, plain_text
from portal.live import watch
from portal.paging import page_number, page_problem
from portal.period import PeriodForm
from shared import times
from shared.queries import SearchChoices, SearchPage, VisitSearch, search_choices, search_visits
from shared.queries.forms import Option
from shared.states import BADGE_WORDS, BadgeKind
from shared.texts import folded
from shared.web import page, request_now

bp = Blueprint("search", __name__, url_prefix="/schedule/search")

POSTED_ONLY = frozenset({"patient", "either"})
PATIENT_IN_ADDRESS = "A patient's name does not belong in an address. Write it into the form."

STATUSES = tuple(Option(kind.value, BADGE_WORDS[kind]) for kind in BadgeKind)

_NUMBER = re.compile(r"(?:A\s*[-–−]?\s*)?([0-9]{1,18})", re.IGNORECASE)


class SearchForm(PeriodForm):
    """What one can search by. ``either`` is the schedule's short form: a number or a patient, whichever it looks like.

    Every field but ``patient`` and ``either`` may stand in an address.
    """

    number = StringField("Appointment number", filters=[clean_text], validators=[at_most(40)])
    patient = StringField("Patient name", filters=[clean_text], validators=[at_most(120), plain_text, one_line])
    either = StringField(filters=[clean_text])
    provider = SelectField("Provider", validate_choice=False)
    status = SelectField("Status", validate_choice=False)
    company = SelectField("Company asked", validate_choice=False)

    def __init__(self, choices: SearchChoices, **values: Any) -> None:
        self.choices = choices
        super().__init__(**values)
        self._sort_out_either()

    def _sort_out_either(self) -> None:
        if self.either.data:
            target = self.number if _NUMBER.fullmatch(self.either.data) else self.patient
            target.data, self.either.data = self.either.data, ""

    def validate_number(self, field: Any) -> None:
        """With or without its letter."""
        if field.data and not _NUMBER.fullmatch(field.data):
            raise ValidationError("Write the number as it stands on the visit, for example A-10487.")

    def validate_patient(self, field: Any) -> None:
        """Something that a name can hold; signs alone would find everybody."""
        if field.data and not folded(field.data):
            raise ValidationError("Write at least one letter of the patient's name.")

    def validate_provider(self, field: Any) -> None:
        """One of the clinic's; a provider's own self alone."""
        if field.data and field.data not in {option.value for option in self.choices.providers}:
            raise ValidationError("Choose a provider from the list.")

    def validate_status(self, field: Any) -> None:
        """One that a badge can have."""
        if field.data and field.data not in set(BadgeKind):
            raise ValidationError("Choose a status from the list.")

    def validate_company(self, field: Any) -> None:
        """One of the clinic's."""
        if field.data and field.data not in {option.value for option in self.choices.companies}:
            raise ValidationError("Choose a company from the list.")

    @property
    def shareable(self) -> dict[str, Any]:
        """Names and values as they stand in the address of a form that validated. No patient is among them."""
        number = _NUMBER.fullmatch(self.number.data or "")
        found = {
            "number": number[1] if number else "",
            "provider": self.provider.data or "",
            "status": self.status.data or "",
            "company": self.company.data or "",
            "from": self.since.data.isoformat() if self.since.data else "",
            "to": self.until.data.isoformat() if self.until.data else "",
        }
        return {name: value for name, value in found.items() if value}

    @property
    def said(self) -> str:
        """What is searched for, in the words of the form."""
        values = self.shareable
        said = [
            f"“{self.patient.data}”" if self.patient.data else "",
            f"A-{values['number']}" if "number" in values else "",
        ]
        lists = (("provider", self.choices.providers), ("status", STATUSES), ("company", self.choices.companies))
        said += [option.label for name, options in lists for option in options if option.value == values.get(name)]
        said += [f"from {times.day_text(self.since.data)}" if self.since.data else ""]
        said += [f"to {times.day_text(self.until.data)}" if self.until.data else ""]
        return " · ".join(filter(None, said))

    def wanted(self, zone: str) -> VisitSearch:
        """The search that a form which validated asks for; its dates are days in the zone."""
        values, (begins, ends) = self.shareable, self.bounds(zone)
        return VisitSearch(
            number=int(values["number"]) if "number" in values else None,
            provider_id=int(values["provider"]) if "provider" in values else None,
            status=BadgeKind(values["status"]) if "status" in values else None,
            company_id=int(values["company"]) if "company" in values else None,
            starts_from=begins,
            starts_before=ends,
            patient=self.patient.data or "",
        )


@bp.get("")
def show() -> Response:
    """The form, and what the address asks for."""
    values = MultiDict((name, value) for name, value in request.args.items(multi=True) if name not in POSTED_ONLY)
    form = SearchForm(search_choices(viewer().scope), formdata=values, meta={"csrf": False})
    if POSTED_ONLY & request.args.keys():
        return _page(form, status=422, problem=PATIENT_IN_ADDRESS)
    return _answer(form, request.args)


@bp.post("")
def find() -> Response:
    """A search for a patient is answered here; any other gets an address that can be shared."""
    form = SearchForm(search_choices(viewer().scope))
    if not form.patient.data and form.validate():
        return redirect(url_for(".show", **form.shareable), 303)
    return _answer(form, request.form)


def _answer(form: SearchForm, sent: Mapping[str, str]) -> Response:
    """The page of what was found; the form alone where nothing was asked, with messages where it can't be read."""
    if not form.validate():
        return _page(form, status=422)
    if not form.shareable and not form.patient.data:
        return _page(form)
    person, asked = viewer(), sent.get("page", "")
    found = search_visits(person.scope, form.wanted(person.time_zone), page_number(asked), now=request_now())
    problem = page_problem(asked, found.place)
    return _page(
        form,
        found=found,
        earlier=_earlier(form, found, person.time_zone),
        problem=problem,
        status=422 if problem else 200,
        watch=watch(found.visits),
    )


def _earlier(form: SearchForm, found: SearchPage, zone: str) -> dict[str, Any] | None:
    """The search that goes on where the last page of one with too many visits ends; its last day is shown again."""
    if not found.has_earlier or found.place.number < found.place.pages:
        return None
    last_day = times.day_of(found.visits[-1].starts_at, zone)
    return None if last_day == form.until.data else form.shareable | {"to": last_day.isoformat()}


def _page(
    form: SearchForm, *, status: int = 200, found: Any = None, earlier: Any = None, problem: str = "", watch: Any = None
) -> Response:
    return page(
        "schedule/search.html",
        status=status,
        form=form,
        choices=form.choices,
        statuses=STATUSES,
        found=found,
        earlier=earlier,
        problem=problem,
        watch=watch,
        now=request_now(),
    )
