"""Between the password and what it opens: the step in this browser, and the second factor that is being set up there.

Both are in the browser's signed cookie: the token of the proof that the password was right, and the new secret with its
recovery codes, encrypted. So a page that is loaded again shows the same secret, nobody else is shown it, and nothing of
it is stored before it works.
"""

from dataclasses import dataclass

from flask import redirect, session, url_for
from werkzeug.wrappers import Response

from portal.factor_forms import CodeForm, NewCodeForm
from portal.factor_pages import code_page, set_up_page
from shared.actions import HalfLogin
from shared.factors import NewFactor, new_factor, new_recovery_codes
from shared.queries import HalfWay, half_way
from shared.rules import PROOF_HOLDS
from shared.states import ProofKind
from shared.web import request_now, services

KEY = "half_way"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that this browser is at: its token, whose it is, and what is being set up (empty where nothing is)."""

    token: str
    person: HalfWay
    new: NewFactor


def begin_step(token: str, kind: ProofKind) -> None:
    """Remember in this browser that the password was right, and draw what is to be set up."""
    new = new_factor() if kind is ProofKind.SET_UP else NewFactor("", new_recovery_codes())
    session[KEY] = [token, kind.value, services().tokens.seal([new.secret, *new.recovery_codes], now=request_now())]


def read_step(*kinds: ProofKind) -> Step | None:
    """The step that this browser is at, if it is of these kinds and not over."""
    token, kind, sealed = session.get(KEY, ("", "", ""))
    if kind not in kinds:
        return None
    now = request_now()
    person = half_way(token, ProofKind(kind), now=now)
    new = services().tokens.unseal(sealed, max_age=PROOF_HOLDS[ProofKind(kind)], now=now)
    if person is None or not isinstance(new, list):
        return None
    secret, *codes = new
    return Step(token, person, NewFactor(secret, tuple(codes)))


def end_step() -> None:
    """Forget the step, and the secret with it."""
    session.pop(KEY, None)


def go_half_way(opened: HalfLogin, back: str, draft: str) -> Response:
    """On to the code, or to setting one up. A form that waits is too large for an address: its page comes at once."""
    begin_step(opened.token, opened.kind)
    is_code = opened.kind is ProofKind.CODE
    if not draft:
        return redirect(url_for("second_step.code" if is_code else "second_step.set_up", next=back or None), 303)
    if is_code:
        return code_page(CodeForm(formdata=None), back, draft)
    step = read_step(ProofKind.SET_UP)
    assert step is not None
    return set_up_page(
        NewCodeForm(formdata=None), step.person, step.new, act="second_step.finish", next=back, draft=draft
    )
