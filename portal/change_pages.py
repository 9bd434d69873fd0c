"""The pages that change a visit: the form, what saving would do, and two people's versions side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from flask import Response, url_for

from portal.change_form import AskForm, CancelForm, ChangeFields, EditForm
from portal.change_words import (
    LABELS,
    Names,
    Pair,
    alike_and_own,
    consequences,
    is_one_visit,
    listed,
    pairs_of,
    rest,
    when,
)
from portal.drafts import author_token
from portal.interpreter_fields import LONGEST_TAG
from portal.live import watch
from portal.opened_with import changed_here, changed_there, merged
from shared import times
from shared.changes import ChangeKind, ChangePlan, VisitChange
from shared.errors import UnchangeableError
from shared.queries import ChangeForm, Viewer, change_form, change_interpreters, last_change, names_of_picks
from shared.states import Reach
from shared.web import page, request_now, services

REPEAT_FIELDS = frozenset({"repeat", "weekdays", "ends", "repeat_count", "repeat_until"})


def form_page(
    viewer: Viewer, opened: ChangeForm, form: ChangeFields, *, status: int = 200, notice: str = ""
) -> Response:
    """The form of an edit, or of asking again, with everything that was filled in."""
    assert isinstance(form, (EditForm, AskForm))
    form.keep_key()
    form.offer(opened)
    tag = (form.language.data or "")[:LONGEST_TAG]
    return page(
        f"visits/{form.kind.value}.html",
        status=status,
        form=form,
        opened=opened,
        choices=opened,
        interpreters=change_interpreters(viewer.scope, opened.card.id, tag, now=request_now()),
        picked=frozenset(form.interpreter.data or ()),
        is_news=False,
        notice=notice,
        watch=watch([opened.card]),
        **_carried(viewer, opened, form),
    )


def preview_page(
    viewer: Viewer,
    opened: ChangeForm,
    form: ChangeFields,
    plan: ChangePlan,
    *,
    status: int = 200,
    headline: str = "",
    notice: str = "",
) -> Response:
    """What saving will do, first of all to whoever has accepted; carries the form along and the promise of all this."""
    form.keep_key()
    names = _names(viewer, opened, plan)
    return page(
        "visits/change_preview.html",
        status=status,
        opened=opened,
        plan=plan,
        kind=plan.wish.kind,
        headline=headline,
        notice=notice,
        consequences=consequences(plan),
        changed=[pair for pair in pairs_of(plan.before, plan.draft, names) if pair.differs],
        listed=() if is_one_visit(plan) else _in_order(plan),
        moved_from={change.handle: when(change) for change in listed(plan)},
        pairs=form.pairs(),
        promise=sign_promise(viewer, form, plan),
        watch=watch([opened.card]),
        now=request_now(),
        **_carried(viewer, opened, form),
    )


def cancel_page(
    viewer: Viewer,
    opened: ChangeForm,
    form: CancelForm,
    plan: ChangePlan,
    *,
    status: int = 200,
    headline: str = "",
    notice: str = "",
) -> Response:
    """Who will be told, what stays, and a reason if one is given: the page that confirms."""
    form.keep_key()
    form.offer(opened)
    cancelled = [change for change in plan.changes if change.cancelled]
    alike, own = alike_and_own(cancelled, _names(viewer, opened, plan))
    return page(
        "visits/cancel.html",
        status=status,
        opened=opened,
        form=form,
        plan=plan,
        headline=headline,
        notice=notice,
        consequences=consequences(plan),
        cancelled=cancelled,
        alike=alike,
        own=own,
        rest=rest(plan, opened.series.all - len(cancelled)) if opened.series else "",
        promise=sign_promise(viewer, form, plan, shown=shown_facts(opened)),
        watch=watch([opened.card]),
        now=request_now(),
        **_carried(viewer, opened, form),
    )


def conflict_page(viewer: Viewer, opened: ChangeForm, form: ChangeFields, plan: ChangePlan) -> Response:
    """Both versions side by side, and who changed what; on with what is saved and the own changes, or back to it.

    A form that does not say what it opened with goes on with all its values.
    """
    pairs = pairs_of(plan.before, plan.draft, _names(viewer, opened, plan))
    mine, theirs = changed_here(viewer, opened, form), changed_there(viewer, opened, form)
    marks = {}
    if mine is not None:
        marks = {LABELS[name]: _mark(name in mine, name in theirs) for name in mine | theirs}
        form = merged(viewer, opened, form, mine)
    form.renew_key()
    form.version.data = str(opened.version)
    shown = [pair for pair in pairs if pair.one or pair.other]
    return _versions_page(viewer, opened, form, shown, None if mine is None else marks)


def cancel_conflict_page(
    viewer: Viewer, opened: ChangeForm, form: CancelForm, shown: Iterable[tuple[str, str]]
) -> Response:
    """What the page showed that was confirmed, and what is saved by now."""
    form.renew_key()
    form.version.data = str(opened.version)
    seen = dict(shown)
    pairs = [Pair(label, value, seen.get(label, "")) for label, value in shown_facts(opened)]
    return _versions_page(viewer, opened, form, pairs)


def unchangeable_page(viewer: Viewer, sentence: str, visit_id: int, form: ChangeFields | None) -> Response:
    """The visit can't be changed any more. What was filled in can become a new one."""
    pairs = form.pairs() if isinstance(form, EditForm) else []
    if form is not None and form.reach.data != Reach.FOLLOWING:
        pairs = [(name, value) for name, value in pairs if name not in REPEAT_FIELDS]
    return page(
        "visits/unchangeable.html",
        status=409,
        sentence=sentence,
        visit_id=visit_id,
        pairs=[
            (name, value) for name, value in pairs if name not in {"key", "version", "opened", "reach", "month_day"}
        ],
        can_cancel=_can_cancel(viewer, visit_id),
        author=author_token(viewer.scope.user_id),
    )


def sign_promise(viewer: Viewer, form: ChangeFields, plan: ChangePlan, *, shown: Iterable[tuple[str, str]] = ()) -> str:
    """What a preview promises, for its user alone. The reason of a cancellation is written on the page that confirms,
    and so is no part of it."""
    return services().tokens.sign(
        "change-promise",
        [
            viewer.scope.user_id,
            form.key.data,
            replace(plan.wish, reason="").digest(),
            plan.versions,
            plan.asked,
            plan.winner_ids,
            list(shown),
        ],
    )


def shown_facts(opened: ChangeForm) -> list[tuple[str, str]]:
    """What a page that cancels shows of the visit."""
    card = opened.card
    zone = card.time_zone
    return [
        ("When", f"{times.date_text(card.starts_at, zone)}, {times.span_text(card.starts_at, card.ends_at, zone)}"),
        ("Duration", times.duration_text(card.duration_minutes)),
        ("Provider", card.provider_name),
        ("Type", card.visit_type.value.capitalize()),
    ]


def _versions_page(
    viewer: Viewer,
    opened: ChangeForm,
    form: ChangeFields,
    pairs: Sequence[Pair],
    marks: Mapping[str, str] | None = None,
) -> Response:
    kind = form.kind
    again = {
        ChangeKind.EDIT: url_for("changes.preview_edit", visit_id=opened.card.id),
        ChangeKind.ASK: url_for("changes.preview_ask", visit_id=opened.card.id),
        ChangeKind.CANCEL: url_for("changes.confirm_cancel", visit_id=opened.card.id),
    }
    return page(
        "visits/conflict.html",
        status=409,
        opened=opened,
        kind=kind,
        versions=pairs,
        marks=marks,
        last=last_change(viewer.scope, opened.card.id),
        me=viewer.scope.user_id,
        again=again[kind],
        pairs=form.pairs(),
        now=request_now(),
        **_carried(viewer, opened, form),
    )


def _carried(viewer: Viewer, opened: ChangeForm, form: ChangeFields) -> dict[str, str]:
    """Goes with every form of a change, so that it finds back over a lost login: whose it is, and what it changes."""
    return {"author": author_token(viewer.scope.user_id), "change": f"{form.kind.value}:{opened.card.id}"}


def _mark(here: bool, there: bool) -> str:
    return "Changed on both sides" if here and there else "Changed by you" if here else "Changed meanwhile"


def _can_cancel(viewer: Viewer, visit_id: int) -> bool:
    try:
        change_form(viewer.scope, visit_id, ChangeKind.CANCEL, now=request_now())
    except UnchangeableError:
        return False
    return True


def _names(viewer: Viewer, opened: ChangeForm, plan: ChangePlan) -> Names:
    drafts = (plan.before, plan.draft, *(change.draft for change in (*plan.meant, *plan.changes)))
    return Names(
        providers={option.value: option.label for option in opened.providers},
        languages={option.value: option.label for option in opened.languages},
        picks=names_of_picks(viewer.scope, {pick for draft in drafts for pick in draft.picks}),
    )


def _in_order(plan: ChangePlan) -> list[VisitChange]:
    return sorted(listed(plan), key=lambda change: change.slot.starts_at)
