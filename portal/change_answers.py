"""What a preview or a Confirm of a change comes to, as a page."""

from dataclasses import dataclass, replace

from flask import redirect, url_for
from werkzeug.wrappers import Response

from portal.change_form import CancelForm, ChangeFields
from portal.change_pages import cancel_conflict_page, cancel_page, conflict_page, form_page, preview_page
from portal.change_words import winners
from shared.actions import ChangeOutcome, ChangePromise, ChangeResult
from shared.changes import ChangePlan, Wish
from shared.queries import ChangeForm, Viewer, change_form, is_change_made, plan_of_change
from shared.states import Reach
from shared.web import request_now, services

CHANGED = "The form was changed after its preview. Check it and go on to the preview again."
NOTHING = "Nothing is changed yet. Change a field, or go back to the visit."
REGROUPED = "Whom this asks has changed since the preview. Look at the companies and their dates again."
NEIGHBOUR = "Another visit of the series was changed a moment ago. Look at what will happen now."
OUTDATED = "This page was out of date. Look at it again."

_DONE = frozenset({ChangeOutcome.CHANGED, ChangeOutcome.ALREADY_MADE})


@dataclass(frozen=True, slots=True)
class Signed:
    """What a page promised about a change, and what it showed of the visit."""

    promise: ChangePromise
    shown: tuple[tuple[str, str], ...]

    def about(self, wish: Wish) -> ChangePromise:
        """The promise for this wish: a reason is written on the page that promises, so it can't be a part of it."""
        same = self.promise.digest == replace(wish, reason="").digest()
        return replace(self.promise, digest=wish.digest()) if same else self.promise


def read_promise(viewer: Viewer, token: str) -> Signed | None:
    """What a page promised, if it was made for this user."""
    value = services().tokens.unsign("change-promise", token)
    if not isinstance(value, list) or value[0] != viewer.scope.user_id:
        return None
    _user, key, digest, versions, asked, winner_ids, shown = value
    return Signed(
        ChangePromise(
            key=key,
            digest=digest,
            versions=tuple((visit_id, version) for visit_id, version in versions),
            asked=tuple((tuple(handles), tuple(company_ids)) for handles, company_ids in asked),
            winner_ids=tuple(winner_ids),
        ),
        tuple((label, text) for label, text in shown),
    )


def answer_plan(viewer: Viewer, opened: ChangeForm, form: ChangeFields, plan: ChangePlan) -> Response:
    """The preview, or what stands against it; on to the visit if this change is made already."""
    if plan.stale and is_change_made(viewer.scope, form.key.data or "", plan.wish):
        return redirect(url_for("visits.show", visit_id=opened.card.id), 303)
    if plan.stale:
        return conflict_page(viewer, opened, form, plan)
    if plan.errors:
        form.add_errors(plan.errors)
        return form_page(viewer, opened, form, status=422)
    if plan.is_empty:
        return form_page(viewer, opened, form, notice=NOTHING)
    return preview_page(viewer, opened, form, plan)


def answer_confirm(viewer: Viewer, form: ChangeFields, signed: Signed, result: ChangeResult) -> Response:
    """On to the visit, or to what has come between."""
    if result.outcome in _DONE:
        return redirect(url_for("visits.show", visit_id=result.visit_id), 303)
    opened = change_form(viewer.scope, result.visit_id, form.kind, now=request_now())
    if isinstance(form, CancelForm):
        return _answer_cancel(viewer, opened, form, signed, result)
    plan = result.plan
    if plan is None or result.outcome is ChangeOutcome.CONTENT_CHANGED:
        form.renew_key()  # the old one stands for another change
        return form_page(viewer, opened, form, status=422, notice=CHANGED)
    if plan.stale or plan.errors:
        return answer_plan(viewer, opened, form, plan)
    if result.outcome is ChangeOutcome.PREVIEW_AGAIN:
        return preview_page(viewer, opened, form, plan, notice=REGROUPED)
    headline, notice = _what_came(signed, result.outcome, plan)
    return preview_page(viewer, opened, form, plan, status=409, headline=headline, notice=notice)


def cancel_again(
    viewer: Viewer, opened: ChangeForm, form: CancelForm, *, status: int = 200, headline: str = "", notice: str = ""
) -> Response:
    """The page that cancels, as things are now, with the reason that was written."""
    form.version.data = str(opened.version)
    if opened.series is None or form.reach.data not in set(Reach):
        form.reach.data = Reach.THIS.value
    plan = plan_of_change(viewer.scope, form.wish(opened.card.id), now=request_now())
    return cancel_page(viewer, opened, form, plan, status=status, headline=headline, notice=notice)


def _answer_cancel(
    viewer: Viewer, opened: ChangeForm, form: CancelForm, signed: Signed, result: ChangeResult
) -> Response:
    if result.plan is None or result.outcome in {ChangeOutcome.CONTENT_CHANGED, ChangeOutcome.INVALID}:
        form.renew_key()
        return cancel_again(viewer, opened, form, status=422, notice=OUTDATED)
    if result.plan.stale:
        return cancel_conflict_page(viewer, opened, form, signed.shown)
    if result.outcome is ChangeOutcome.PREVIEW_AGAIN:
        return cancel_again(viewer, opened, form, notice=REGROUPED)
    headline, notice = _what_came(signed, result.outcome, result.plan)
    return cancel_again(viewer, opened, form, status=409, headline=headline, notice=notice)


def _what_came(signed: Signed, outcome: ChangeOutcome, plan: ChangePlan) -> tuple[str, str]:
    """The title and the notice of a page that has to be looked at again."""
    if outcome is ChangeOutcome.WON_MEANWHILE:
        who = winners(plan.endings, but=signed.promise.winner_ids)
        return f"{who} accepted a moment ago", "Nothing is changed yet. Go on, or leave everything as it is."
    return "", NEIGHBOUR
