"""The pages on which a second factor is asked for and set up."""

from dataclasses import dataclass

import segno
from flask import Response
from flask_wtf import FlaskForm

from portal.factor_forms import CodeForm
from shared.factors import NewFactor, app_address
from shared.queries import HalfWay
from shared.web import page

MARGIN = 4
"""White modules that a QR code needs around it."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code as a path of SVG: a stroke of one unit for each dark module."""

    size: int
    path: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """What the page of a new second factor shows. ``secret``, ``address`` and ``qr`` are missing where only the
    recovery codes are new."""

    account: str
    recovery_codes: tuple[str, ...]
    secret: str = ""
    address: str = ""
    qr: QrCode | None = None


def code_page(form: CodeForm, back: str, draft: str, *, status: int = 200, problem: str = "") -> Response:
    """The page that asks for a code after the password."""
    return page("factors/code.html", status=status, form=form, next=back, draft=draft, problem=problem)


def set_up_page(
    form: FlaskForm,
    person: HalfWay,
    new: NewFactor,
    *,
    act: str,
    next: str = "",  # noqa: A002 - the form's field
    draft: str = "",
    status: int = 200,
) -> Response:
    """The page of a new second factor, or of new recovery codes; its form goes to ``act``."""
    shown = SetUp(person.email, new.recovery_codes)
    if new.secret:
        address = app_address(new.secret, account=person.email)
        shown = SetUp(person.email, new.recovery_codes, " ".join(_groups(new.secret)), address, qr_code(address))
    return page("factors/set_up.html", status=status, form=form, shown=shown, act=act, next=next, draft=draft)


def qr_code(text: str) -> QrCode:
    """The text as a QR code."""
    rows = segno.make_qr(text, error="m").matrix
    path = "".join(
        f"M{x + MARGIN} {y + MARGIN}.5h1" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return QrCode(len(rows) + 2 * MARGIN, path)


def _groups(secret: str) -> list[str]:
    """The secret in groups of four, for those who type it."""
    return [secret[place : place + 4] for place in range(0, len(secret), 4)]
