"""One's own second factor, behind the account page: switched on, set up anew, switched off."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse

from portal.access import viewer
from portal.account import TOO_OFTEN
from portal.factor_forms import NewCodeForm, OwnPasswordForm
from portal.factor_pages import set_up_page
from portal.half_way import Step, begin_step, end_step, read_step
from portal.second_step import WRONG
from portal.slowed import in_a_while, slow_down
from shared.actions import (
    Admission,
    CodeOutcome,
    Slowed,
    admit_password,
    given_back_if_busy,
    prove_password,
    remove_factor,
    renew_recovery_codes,
    set_up_factor,
)
from shared.queries import factor_page
from shared.states import ProofKind
from shared.web import page, request_now, services

bp = Blueprint("factors", __name__, url_prefix="/account/second-factor")

NOT_YOURS = "This is not your current password. Type it again."
NEWS = {
    "on": "Your second factor is set up. Wherever else you were logged in, you are logged out.",
    "off": "Your second factor is switched off. Wherever else you were logged in, you are logged out.",
    "codes": "Your new recovery codes are in use. The old ones no longer work.",
    "over": "That step is over. What is in use now stands below.",
}
BEGINNINGS = {"set_up": ProofKind.SET_UP, "recovery": ProofKind.RECOVERY}


@bp.get("")
def show() -> BaseResponse:
    """How it stands, and what can be done."""
    news = NEWS.get(request.args.get("news", ""), "")
    return _page(OwnPasswordForm(formdata=None), news=news, good=request.args.get("news") != "over")


@bp.post("")
def begin() -> BaseResponse:
    """Begin to set one up, or to make new recovery codes, with the password."""
    form, kind = OwnPasswordForm(), BEGINNINGS.get(request.form.get("do", ""))
    if kind is None:
        abort(400)
    admission = _admit() if form.validate() else None
    if isinstance(admission, Slowed):
        return _slowed(form, admission)
    if admission is not None:
        password, now = form.password.data or "", request_now()
        with given_back_if_busy(admission, now=now):
            token = prove_password(viewer().scope, password, kind, admission=admission, now=now)
        if token is not None:
            begin_step(token, kind)
            return redirect(url_for(".set_up"), 303)
        form.password.errors = [NOT_YOURS]
    return _page(form, status=422)


@bp.post("/remove")
def remove() -> BaseResponse:
    """Switch it off, with the password."""
    form = OwnPasswordForm()
    admission = _admit() if form.validate() else None
    if isinstance(admission, Slowed):
        return _slowed(form, admission)
    if admission is not None:
        keep, now = current_user.get_id(), request_now()
        with given_back_if_busy(admission, now=now):
            removed = remove_factor(viewer().scope, form.password.data or "", keep=keep, admission=admission, now=now)
        if removed:
            return _to_page("off")
        form.password.errors = [NOT_YOURS]
    return _page(form, status=422)


@bp.get("/new")
def set_up() -> BaseResponse:
    """Show what is being set up. It stays the same until it is, however often the page is loaded."""
    step = _own_step()
    if step is None:
        return _to_page("over")
    return _new_page(step, NewCodeForm(formdata=None))


@bp.post("/new")
def finish() -> BaseResponse:
    """Switch on what was shown."""
    step = _own_step()
    if step is None:
        return _to_page("over")
    scope, now = viewer().scope, request_now()
    if not step.new.secret:
        outcome = renew_recovery_codes(scope, step.token, step.new.recovery_hashes, now=now)
        return _done(outcome, "codes")
    form = NewCodeForm()
    if form.validate():
        code, tokens = form.code.data or "", services().tokens
        keep = current_user.get_id()
        outcome = set_up_factor(scope, step.token, code, step.new, tokens=tokens, keep=keep, now=now)
        if outcome is not CodeOutcome.WRONG:
            return _done(outcome, "on")
        form.code.errors, form.code.data = [WRONG], ""
    return _new_page(step, form, status=422)


def _admit() -> Admission | Slowed:
    """A try at the current password counts before it is checked, as on the page of the account."""
    return admit_password(services().tokens, viewer().scope, login=current_user.get_id(), now=request_now())


def _slowed(form: OwnPasswordForm, until: Slowed) -> Response:
    form.password.errors = [in_a_while(until, TOO_OFTEN)]
    return slow_down(_page(form), until)


def _own_step() -> Step | None:
    step = read_step(ProofKind.SET_UP, ProofKind.RECOVERY)
    return step if step is not None and step.person.user_id == viewer().scope.user_id else None


def _done(outcome: CodeOutcome, news: str) -> BaseResponse:
    end_step()
    return _to_page(news if outcome is CodeOutcome.PASSED else "over")


def _to_page(news: str) -> BaseResponse:
    return redirect(url_for(".show", news=news), 303)


def _page(form: OwnPasswordForm, *, status: int = 200, news: str = "", good: bool = True) -> Response:
    factor = factor_page(viewer().scope)
    return page("factors/show.html", status=status, form=form, factor=factor, news=news, good=good)


def _new_page(step: Step, form: FlaskForm, *, status: int = 200) -> BaseResponse:
    return set_up_page(form, step.person, step.new, act=".finish", status=status)
