"""The second step of the login: the code, or the set-up of a second factor that the clinic requires."""

from flask import Blueprint, request, session
from werkzeug.wrappers import Response

from portal.auth import arrive, login_again
from portal.factor_forms import CodeForm, NewCodeForm
from portal.factor_pages import code_page, set_up_page
from portal.half_way import Step, read_step
from shared.actions import CodeOutcome, CodeResult, log_in_with_code, log_in_with_recovery_code, set_up_at_login
from shared.edge import note_refusal
from shared.states import ProofKind
from shared.web import request_now, services

bp = Blueprint("second_step", __name__)

OVER = "This step is over: it took too long, or five codes were wrong. Log in once more."
WRONG = "This code is not right, or was used already. Wait for the next one. If none works, set your phone's clock."
WRONG_RECOVERY = "This is none of your recovery codes, or it was used already. Check it and type it again."
PROBLEMS = {
    CodeOutcome.TOO_MANY: "Too many wrong codes were tried for your account. Use a recovery code, or wait a quarter of "
    "an hour. If it was not you, choose a new password: whoever tried knows yours.",
    CodeOutcome.UNREADABLE: "What your app's codes are compared with can't be read any more. Use a recovery code, or "
    "ask an administrator to reset your second factor.",
}


@bp.get("/login/code")
def code() -> Response:
    """Ask for the code, after the password."""
    if read_step(ProofKind.CODE) is None:
        return _over(request.args.get("next", ""), "")
    return code_page(CodeForm(formdata=None), request.args.get("next", ""), "")


@bp.post("/login/code")
def check() -> Response:
    """Check the code; then on where the person was, with the form that waited, if one did."""
    form, back, draft = CodeForm(), request.form.get("next", ""), request.form.get("draft", "")
    step = read_step(ProofKind.CODE)
    if step is None:
        return _over(back, draft)
    if not form.validate():
        return code_page(form, back, draft, status=422)
    result = _try_code(step, form)
    if result.login is not None:
        return arrive(result.login, back, draft)
    note_refusal("code")
    if result.outcome is CodeOutcome.OVER:
        return _over(back, draft)
    return code_page(form, back, draft, status=422, problem=PROBLEMS.get(result.outcome, ""))


@bp.get("/login/second-factor")
def set_up() -> Response:
    """Show the second factor to be set up. It stays the same until it is, however often the page is loaded."""
    return _set_up_page(NewCodeForm(formdata=None), request.args.get("next", ""), "")


@bp.post("/login/second-factor")
def finish() -> Response:
    """Switch it on with its first code, and go on as after a login."""
    form, back, draft = NewCodeForm(), request.form.get("next", ""), request.form.get("draft", "")
    step = read_step(ProofKind.SET_UP)
    if step is None or not form.validate():
        return _set_up_page(form, back, draft, status=422)
    result = set_up_at_login(
        step.token,
        form.code.data or "",
        step.new,
        tokens=services().tokens,
        replaces=session.get("_user_id"),
        now=request_now(),
    )
    if result.login is not None:
        return arrive(result.login, back, draft)
    if result.outcome is CodeOutcome.OVER:
        return _over(back, draft)
    form.code.errors, form.code.data = [WRONG], ""
    return _set_up_page(form, back, draft, status=422)


def _try_code(step: Step, form: CodeForm) -> CodeResult:
    """Log in with the recovery code, if one was typed, or else with the app's code."""
    replaces, now = session.get("_user_id"), request_now()
    if form.recovery_code.data:
        result = log_in_with_recovery_code(step.token, form.recovery_code.data, replaces=replaces, now=now)
        wrong = ("recovery_code", WRONG_RECOVERY)
    else:
        code, tokens = form.code.data or "", services().tokens
        result = log_in_with_code(step.token, code, tokens=tokens, replaces=replaces, now=now)
        wrong = ("code", WRONG)
    form.code.data = form.recovery_code.data = ""  # what was wrong, or was not looked at, is not shown again
    if result.outcome is CodeOutcome.WRONG:
        name, sentence = wrong
        form[name].errors = [sentence]
    return result


def _set_up_page(form: NewCodeForm, back: str, draft: str, *, status: int = 200) -> Response:
    step = read_step(ProofKind.SET_UP)
    if step is None:
        return _over(back, draft)
    return set_up_page(form, step.person, step.new, act=".finish", next=back, draft=draft, status=status)


def _over(back: str, draft: str) -> Response:
    """Back to the password, or on for who is logged in by now."""
    return login_again(back, draft, OVER, status=401)
