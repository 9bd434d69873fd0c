"""The clinic's companies: their records, addresses and accreditation."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectMultipleField, TextAreaField
from wtforms.validators import DataRequired, ValidationError

from portal.access import viewer
from portal.admin.saving import (
    RecordForm,
    ZoneField,
    add_errors,
    name_field,
    open_with,
    opened_with,
    phone_field,
    sides,
)
from portal.fields import clean_text, plain_text
from shared.actions import SaveOutcome, accredit_company, add_company, change_company
from shared.queries import CompanyPage, clinic_languages, company_list, company_page
from shared.records import CompanyRecord
from shared.texts import is_mail_address
from shared.web import page, request_now

bp = Blueprint("companies", __name__, url_prefix="/admin/companies")

MOST_ADDRESSES = 10


class CompanyForm(RecordForm):
    """A company. ``works_again`` are addresses that came back and are to be tried anew, ``stored`` those it has."""

    stored: tuple[str, ...] = ()

    name = name_field("Name", "Write the company's name.")
    phone = phone_field("Phone", "Write the number that the clinic calls.")
    addresses = TextAreaField(
        "Dispatch addresses",
        filters=[clean_text],
        validators=[DataRequired("A company needs at least one address. Write where its requests go."), plain_text],
    )
    works_again = SelectMultipleField("Try again", validate_choice=False)
    languages = SelectMultipleField("Languages", validate_choice=False)
    time_zone = ZoneField("Time zone")
    accredited = BooleanField("Accredited")

    def validate_addresses(self, _field: Any) -> None:
        """Each line an address, none twice, capitals aside."""
        found = self.address_lines
        for number, email in enumerate(found, start=1):
            if any(mark in email for mark in ",;"):
                raise ValidationError(f"Line {number} holds more than one address. Write one on each line.")
            if len(email) > 254 or not is_mail_address(email):
                raise ValidationError(f"Address {number} is not a complete e-mail address. Write one on each line.")
        if len({email.casefold() for email in found}) < len(found):
            raise ValidationError("An address stands here twice. Leave one of the two.")
        if len(found) > MOST_ADDRESSES:
            raise ValidationError(f"At most {MOST_ADDRESSES} addresses.")

    def validate_works_again(self, field: Any) -> None:
        """Addresses of the company's, as it was when the form opened, as it is, or as it is to be."""
        opened: Iterable[str] = (opened_with(self) or {}).get("addresses", ())
        known = {email.casefold() for email in (*opened, *self.stored, *self.address_lines)}
        if not {email.casefold() for email in field.data or ()} <= known:
            raise ValidationError("One of these is no address of the company. Look at the addresses again.")

    def validate_languages(self, field: Any) -> None:
        """Without a language nobody could choose the company. Which ones the clinic has, the database knows."""
        if not field.data:
            raise ValidationError("Choose at least one language that the company interprets.")

    def offer(self, record: CompanyRecord) -> None:
        """Let the form keep what the company has, should no list have it."""
        self.time_zone.offer(record.time_zone)
        self.stored = record.addresses

    @property
    def address_lines(self) -> tuple[str, ...]:
        """The addresses as typed, without empty lines."""
        return tuple(line.strip() for line in (self.addresses.data or "").splitlines() if line.strip())

    @property
    def record(self) -> CompanyRecord:
        """The company of a form that validated."""
        return CompanyRecord(
            name=self.name.data or "",
            phone=self.phone.data or "",
            time_zone=self.time_zone.data,
            languages=tuple(sorted(set(self.languages.data or ()))),
            addresses=self.address_lines,
        )

    def fields_for(self, name: str, value: Any) -> dict[str, Any]:
        """Addresses stand on lines."""
        return {name: "\n".join(value)} if name == "addresses" else super().fields_for(name, value)


@bp.get("")
def index() -> Response:
    """All companies."""
    shown = company_list(viewer().scope)
    changed = next((row for row in shown if str(row.id) == request.args.get("done")), None)
    return page("admin/companies/index.html", companies=shown, changed=changed)


@bp.get("/new")
def new() -> Response:
    """An empty form."""
    return _page(CompanyForm(formdata=None, time_zone=viewer().time_zone, accredited=True), None)


@bp.post("/new")
def add() -> Response:
    """Add a company."""
    form = CompanyForm()
    if not form.validate():
        return _page(form, None, status=422)
    accredited = bool(form.accredited.data)
    result = add_company(viewer().scope, form.record, accredited=accredited, now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".index", done=result.id), 303)
    add_errors(form, result.errors)
    return _page(form, None, status=422)


@bp.get("/<id:company_id>")
def show(company_id: int) -> Response:
    """One company."""
    shown = _shown(company_id)
    return _page(open_with(CompanyForm(formdata=None), shown.record), shown)


@bp.post("/<id:company_id>")
def save(company_id: int) -> Response:
    """Save a company; what somebody else saved meanwhile is shown first."""
    form, shown = CompanyForm(), _shown(company_id)
    form.offer(shown.record)
    if not form.validate():
        return _page(form, shown, status=422)
    again, stamp = tuple(form.works_again.data or ()), form.stamp.data or ""
    result = change_company(viewer().scope, company_id, form.record, works_again=again, stamp=stamp, now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".index", done=company_id), 303)
    if result.outcome is SaveOutcome.INVALID:
        add_errors(form, result.errors)
        return _page(form, shown, status=422)
    shown = _shown(company_id)
    return _page(form, shown, status=409, sides=sides(form, shown.record, _say))


@bp.post("/<id:company_id>/accredit")
def accredit(company_id: int) -> Response:
    """Let the company be chosen."""
    accredit_company(viewer().scope, company_id, accredited=True, now=request_now())
    return redirect(url_for(".show", company_id=company_id), 303)


@bp.post("/<id:company_id>/suspend")
def suspend(company_id: int) -> Response:
    """Let the company be chosen no more."""
    accredit_company(viewer().scope, company_id, accredited=False, now=request_now())
    return redirect(url_for(".show", company_id=company_id), 303)


def _shown(company_id: int) -> CompanyPage:
    found = company_page(viewer().scope, company_id, now=request_now())
    if found is None:
        abort(404)
    return found


def _page(form: CompanyForm, shown: CompanyPage | None, *, status: int = 200, **more: Any) -> Response:
    languages = clinic_languages(viewer().scope)
    return page(
        "admin/companies/form.html",
        status=status,
        form=form,
        shown=shown,
        languages=languages,
        **({"sides": ()} | more),
    )


def _say(name: str, value: Any) -> str:
    if name == "languages":
        names = {option.value: option.label for option in clinic_languages(viewer().scope)}
        return ", ".join(names.get(tag, tag) for tag in value) or "none"
    return ", ".join(value) if name == "addresses" else str(value)
