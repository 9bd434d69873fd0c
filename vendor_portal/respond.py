"""The company's page: one question, two buttons. Opening it changes nothing; only its form's POST answers."""

from flask import Blueprint, Response, request, url_for
from flask import redirect as redirect_to
from werkzeug.wrappers import Response as BaseResponse

from shared.actions import AnswerOutcome, accept_invite, decline_invite, give_decline_reason, note_opening
from shared.queries import InvitePage, invite_page
from shared.rules import InviteCase
from shared.states import Answer
from shared.tokens import LinkKind, VerifiedLink
from shared.web import page, request_now, services
from vendor_portal.forms import AnswerForm, ReasonForm
from vendor_portal.links import read_link, wrong_link_page

bp = Blueprint("respond", __name__)

PAGES = {
    InviteCase.WITHDRAWN: ("gone.html", 410),
    InviteCase.CLOSED: ("gone.html", 410),
    InviteCase.WON: ("won.html", 200),
    InviteCase.ASSIGNED_ELSEWHERE: ("assigned_elsewhere.html", 409),
    InviteCase.DECLINED: ("declined.html", 200),
    InviteCase.OPEN: ("respond.html", 200),
}


@bp.get("/r/<token>")
@bp.get("/r/<token>/<any(accept, decline):pressed>")
def show(token: str, pressed: str = "accept") -> BaseResponse:
    """The request, or what became of it. Both links of a mail come here; ``pressed`` is the button in the mail."""
    link = read_link(LinkKind.INVITE, token)
    invite = invite_page(link, now=request_now()) if link else None
    if link is None or invite is None:
        return wrong_link_page()
    if request.method == "GET" and not invite.opened:
        note_opening(link, now=request_now())
    return _page(token, link, invite, pressed=pressed)


@bp.post("/r/<token>")
@bp.post("/r/<token>/<any(accept, decline):pressed>")
def answer(token: str, pressed: str = "accept") -> BaseResponse:
    """Accept or decline. What is no longer open is shown as it is, whatever the form says."""
    link = read_link(LinkKind.INVITE, token)
    invite = invite_page(link, now=request_now()) if link else None
    if link is None or invite is None:
        return wrong_link_page()
    form = AnswerForm(request.form)
    pressed = "decline" if form.pressed is Answer.DECLINED else "accept" if form.pressed else pressed
    if invite.case is not InviteCase.OPEN:
        return _page(token, link, invite, pressed=pressed)
    problem = form.problem(services().tokens, link, now=request_now()) if form.validate() else ""
    if form.errors or problem:
        return _page(token, link, invite, pressed=pressed, form=form, problem=problem, status=422)
    act = accept_invite if form.pressed is Answer.ACCEPTED else decline_invite
    if act(link, responder=form.responder.data or "", now=request_now()) is AnswerOutcome.REFUSED:
        return show(token, pressed)
    return redirect_to(url_for(".show", token=token, pressed=pressed), 303)


@bp.get("/r/<token>/reason")
def show_reason(token: str) -> BaseResponse:
    """Somebody opened the address that the reason was sent to: back to the page it was sent from."""
    return redirect_to(url_for(".show", token=token, pressed="decline"), 303)


@bp.post("/r/<token>/reason")
def reason(token: str) -> BaseResponse:
    """Why a company declined: the optional second step after Decline."""
    link = read_link(LinkKind.INVITE, token)
    invite = invite_page(link, now=request_now()) if link else None
    if link is None or invite is None:
        return wrong_link_page()
    form = ReasonForm(request.form)
    if not invite.declined:
        return _page(token, link, invite, pressed="decline")
    if not form.validate():
        return _page(token, link, invite, pressed="decline", reason_form=form, status=422)
    give_decline_reason(link, reason=form.reason.data or "", now=request_now())
    return redirect_to(url_for(".show", token=token, pressed="decline"), 303)


def _page(
    token: str,
    link: VerifiedLink,
    invite: InvitePage,
    *,
    pressed: str,
    form: AnswerForm | None = None,
    reason_form: ReasonForm | None = None,
    problem: str = "",
    status: int = 0,
) -> Response:
    """The page of the row that applies; a row other than the question has its own status, whatever was sent."""
    template, own_status = PAGES[invite.case]
    tokens = services().tokens
    guest_token = tokens.link(LinkKind.GUEST, invite.guest_id) if invite.guest_id else ""
    return page(
        template,
        status=status or own_status,
        invite=invite,
        contact=invite,
        token=token,
        pressed=pressed,
        form=form or AnswerForm(),
        reason_form=reason_form or ReasonForm(),
        problem=problem,
        nonce=tokens.nonce(link, now=request_now()) if invite.case is InviteCase.OPEN else "",
        guest_token=guest_token,
        guest_url=f"{services().settings.vendor_portal_url}/meet/{guest_token}",
        now=request_now(),
    )
