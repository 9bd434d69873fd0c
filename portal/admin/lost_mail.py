"""Mail of the clinic that could not be delivered, and how it is sent again."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.paging import page_number, page_problem
from shared.actions import send_mail_again
from shared.queries import lost_mail_page
from shared.web import page, request_now

bp = Blueprint("lost_mail", __name__, url_prefix="/admin/mail")


@bp.get("")
def index() -> Response:
    """What was refused or given up, the newest first."""
    asked = request.args.get("page", "")
    shown = lost_mail_page(viewer().scope, page_number(asked), now=request_now())
    problem = page_problem(asked, shown.place)
    sent = next((row.mail for row in shown.rows if str(row.mail.id) == request.args.get("sent")), None)
    return page(
        "admin/lost_mail.html",
        status=422 if problem else 200,
        shown=shown,
        problem=problem,
        sent=sent,
        now=request_now(),
    )


@bp.post("/<id:mail_id>/again")
def send_again(mail_id: int) -> Response:
    """Send one of them again."""
    send_mail_again(viewer().scope, mail_id, now=request_now())
    return redirect(url_for(".index", sent=mail_id, page=request.form.get("page") or None), 303)
