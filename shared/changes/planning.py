"""Makes the plan of a change from the rows as they are."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from sqlalchemy.orm import Session

from shared import times
from shared.changes.asking import askings_of, is_cancelled
from shared.changes.family import Family, draft_of, read_family, rule_of, waiting_names, winner_of
from shared.changes.wishes import INTERPRETER_FIELDS, ChangeKind, ChangePlan, Ending, VisitChange, Wish
from shared.changes.work import Work
from shared.errors import UnchangeableError
from shared.models import Request, User, Visit
from shared.plan import (
    FIELD_NAMES,
    MOST_OVERLAPS,
    Slot,
    VisitDraft,
    find_provider,
    interpreters,
    overlaps,
    repeat_error,
    slot_on,
    twice_notice,
)
from shared.repeat import MOST_VISITS
from shared.rules import FARTHEST_VISIT, Scope
from shared.states import Reach, RequestEvent, VisitStatus

_ATTRIBUTES = {shown: name for name, shown in FIELD_NAMES.items()}


def plan_change(session: Session, scope: Scope, wish: Wish, *, now: datetime) -> ChangePlan:
    """What the wish would do now. Raises NotFoundError for a visit that is not the scope's, UnchangeableError
    for one that can't be changed (any more), DomainError to ask while requests are switched off."""
    family = read_family(session, scope, wish.visit_id, now=now)
    refuse(family, wish.kind)
    before = draft_of(session, family, family.base)
    work = Work(session, family, wish, before, _wanted(family, wish, before))
    plan = ChangePlan(
        wish, before, work.draft, family.base.time_zone, _name(session, work.draft.provider_id), stale=False
    )
    if wish.version != family.base.version:
        return replace(plan, stale=True)
    targets = _targets(work)
    if wish.kind is ChangeKind.CANCEL:
        work.changes = [_cancelled(work, visit) for visit in targets]
    else:
        _check(work)
        _change(work, targets)
    leaving = _leaving(work)
    endings = _endings(work, leaving)
    askings, unasked = askings_of(work, leaving)
    changed = [change for change in work.changes if change.fields or change.cancelled or change.added]
    holders = _other_holders(work, endings) if any(ending.changes_room for ending in endings) else ()
    touched = {change.handle for change in changed if not change.added} | {h for h in leaving if h > 0}
    return replace(
        plan,
        changes=tuple(changed),
        meant=tuple(work.changes),
        endings=tuple(endings),
        holders=holders,
        askings=tuple(askings),
        unasked=unasked,
        versions=tuple(sorted((v.id, v.version) for v in family.visits if v.id in touched)),
        errors=work.errors,
        notices=tuple(work.notices),
    )


def refuse(family: Family, kind: ChangeKind) -> None:
    """Raise for a visit that can't be changed in this way (any more)."""
    base, now = family.base, family.now
    if base.status is VisitStatus.CANCELLED:
        raise UnchangeableError("This visit is cancelled. Nothing was changed. Create a new visit instead.")
    if base.ends_at <= now:
        raise UnchangeableError("This visit is over. It stays in the history as it was.")
    if base.starts_at <= now and kind is not ChangeKind.CANCEL:
        raise UnchangeableError("This visit has started. It can still be cancelled, but not changed.")
    if kind is ChangeKind.ASK and not family.clinic.dispatch_enabled:
        raise UnchangeableError(
            "Interpreter requests are switched off for this clinic. Nothing was changed. An administrator can switch "
            "them on."
        )


def _wanted(family: Family, wish: Wish, before: VisitDraft) -> VisitDraft:
    """The form's values. What the form did not offer stays as it is: the rule unless "this and following" is meant,
    and everything about the interpreter while requests are switched off."""
    draft = wish.draft or before
    if wish.kind is ChangeKind.ASK:
        draft = replace(before, language_tag=draft.language_tag, picks=draft.picks, notes=draft.notes)
    if wish.reach is not Reach.FOLLOWING or draft.repeat is None:
        draft = replace(draft, repeat=before.repeat)
    if not family.clinic.dispatch_enabled:
        draft = replace(draft, language_tag=before.language_tag, picks=before.picks, notes=before.notes)
    if wish.kind is ChangeKind.EDIT and not draft.language_tag and not draft.picks and before.language_tag:
        draft = replace(draft, notes="")  # no interpreter, so nobody to read them
    return draft


def _targets(work: Work) -> list[Visit]:
    """The visits meant, future ones only: an edit until the start, a cancellation until the end."""
    if work.wish.reach is not Reach.THIS and work.family.base.recurrence_id is None:
        work.errors["reach"] = "This visit does not repeat. Choose “This visit”."
        return [work.family.base]
    cancelling = work.wish.kind is ChangeKind.CANCEL
    return [
        visit
        for visit in work.family.reached(work.wish.reach, work.wish.only)
        if (visit.ends_at if cancelling else visit.starts_at) > work.now
    ]


def _check(work: Work) -> None:
    """What stands against the form's values themselves."""
    fields = work.fields
    if "date" in fields and work.wish.reach is not Reach.THIS:
        work.errors["date"] = "The date can be changed for one visit only. Choose “This visit”."
    today = times.day_of(work.now, work.family.base.time_zone)
    if "date" in fields and work.family.base.recurrence_id is None and work.draft.day > today + FARTHEST_VISIT:
        work.errors["date"] = "Choose a date within the next two years."
    if "provider" in fields and find_provider(work.session, work.family.scope, work.draft.provider_id) is None:
        work.errors["provider"] = "Choose a provider from the list."
    if INTERPRETER_FIELDS & set(fields) or work.wish.kind is ChangeKind.ASK:
        interpreters(work.session, work.family.clinic, work.draft, work.errors)
        if work.wish.kind is ChangeKind.ASK and not work.draft.picks:
            work.errors.setdefault("interpreter", "Choose at least one company or group to ask.")


def _cancelled(work: Work, visit: Visit) -> VisitChange:
    slot = Slot(visit.occurs_on, visit.starts_at, visit.ends_at)
    draft = draft_of(work.session, work.family, visit)
    return VisitChange(visit.id, visit.version, draft, slot, slot, visit.time_zone, cancelled=True)


def _change(work: Work, targets: list[Visit]) -> None:
    """Apply the changed fields to each target, and the changed rule to all of them together."""
    kept = targets
    added: list[VisitChange] = []
    if "repeat" in work.fields and "date" not in work.errors and "reach" not in work.errors:
        kept, added = _follow_rule(work, targets)
    work.changes = [_edited(work, visit) if visit in kept else _cancelled(work, visit) for visit in targets] + added
    moved = [change for change in work.changes if {"date", "start_time"} & set(change.fields) or change.added]
    _check_times(work, moved)
    _warn_of_overlaps(work)


def _edited(work: Work, visit: Visit) -> VisitChange:
    """One visit with the changed fields applied: a date moved on its own keeps what was not changed."""
    before = draft_of(work.session, work.family, visit)
    wanted = INTERPRETER_FIELDS if work.wish.kind is ChangeKind.ASK else frozenset(work.fields) - {"repeat"}
    if not before.language_tag and "language" not in wanted:
        wanted -= INTERPRETER_FIELDS  # companies or notes alone ask nobody for a date without an interpreter
    values = {name: getattr(work.draft, name) for name in (_ATTRIBUTES.get(shown, shown) for shown in wanted)}
    draft = replace(before, **values)
    was = Slot(visit.occurs_on, visit.starts_at, visit.ends_at)
    slot = Slot(visit.occurs_on, visit.starts_at, visit.starts_at + timedelta(minutes=draft.duration_minutes))
    if (draft.day, draft.wall) != (before.day, before.wall):
        slot = slot_on(draft.day, draft.wall, visit.time_zone, draft.duration_minutes, occurs_on=visit.occurs_on)
    ruled = ("repeat",) if "repeat" in work.fields else ()
    fields = (*draft.differs_from(before), *ruled)
    return VisitChange(visit.id, visit.version, draft, slot, was, visit.time_zone, fields)


def _follow_rule(work: Work, targets: list[Visit]) -> tuple[list[Visit], list[VisitChange]]:
    """The targets whose dates the new rule keeps, and the dates that it adds. A date of the old rule that has no visit
    any more was taken out by somebody and does not come back."""
    new, first_on = work.draft.repeat, work.family.base.occurs_on
    assert new is not None
    assert first_on is not None
    dates = new.dates(first_on)
    problem = repeat_error(new, first_on, dates, must_begin=False)
    if problem:
        work.errors["repeat"] = problem
        return targets, []
    known = _ruled(work, targets)
    wanted = (day for day in dates if day not in known)
    usual = _usual(work)
    added = (_added(work, day, usual, handle=-number) for number, day in enumerate(wanted, start=1))
    # The base may have been moved to a later day than its rule's: dates that are past already come no more.
    to_come = [change for change in added if change.slot.starts_at > work.now]
    kept = [visit for visit in targets if visit.occurs_on in dates]
    if len(work.family.visits) - len(targets) + len(kept) + len(to_come) > MOST_VISITS:
        work.errors["repeat"] = f"The series would have more than {MOST_VISITS} visits. Choose an earlier end."
    return kept, to_come


def _usual(work: Work) -> VisitDraft:
    """What a new date is like: the form's values where they were changed, and otherwise what most of the visits that
    it follows have, from the one whose form it is; in a draw, that one. It may be an exception, moved on its own."""
    base = work.family.base
    later = (visit for visit in work.family.visits if visit.recurrence_id == base.recurrence_id and visit is not base)
    mates = [base, *(visit for visit in later if _ruled_on(visit) > _ruled_on(base))]
    mates = [visit for visit in mates if not _is_short_day(visit)] or mates
    drafts = [draft_of(work.session, work.family, visit) for visit in mates]
    kept = {
        name: Counter(getattr(draft, name) for draft in drafts).most_common(1)[0][0]
        for name in ("wall", "duration_minutes", "visit_type", "provider_id")
        if FIELD_NAMES.get(name, name) not in work.fields
    }
    if not INTERPRETER_FIELDS & set(work.fields):
        asked = Counter((draft.language_tag, draft.picks, draft.notes) for draft in drafts).most_common(1)[0][0]
        kept |= dict(zip(("language_tag", "picks", "notes"), asked, strict=True))
    return replace(work.draft, **kept)


def _ruled_on(visit: Visit) -> date:
    """The date that the series' rule gave it."""
    assert visit.occurs_on is not None
    return visit.occurs_on


def _is_short_day(visit: Visit) -> bool:
    """Whether the clock jumps on the visit's day: its time may be none that anybody chose."""
    begins, ends = times.day_bounds(times.day_of(visit.starts_at, visit.time_zone), visit.time_zone)
    return ends - begins < timedelta(days=1)


def _ruled(work: Work, targets: list[Visit]) -> set[date]:
    """The dates that the targets' rules gave: the later ones may follow a rule that began after the base's."""
    rules = {visit.recurrence_id for visit in targets}
    rows = (row for row in work.family.recurrences.values() if row.id in rules)
    return {day for row in rows for day in rule_of(row).dates(row.first_on)}


def _added(work: Work, day: date, usual: VisitDraft, *, handle: int) -> VisitChange:
    base = work.family.base
    draft = replace(usual, day=day)
    slot = slot_on(day, draft.wall, base.time_zone, draft.duration_minutes, occurs_on=day)
    return VisitChange(handle, 0, draft, slot, None, base.time_zone)


def _check_times(work: Work, moved: list[VisitChange]) -> None:
    where = "date" if "date" in work.fields and "start_time" not in work.fields else "start_time"
    for change in moved:
        if change.slot.starts_at <= work.now:
            day = times.day_text(change.draft.day)
            work.errors[where] = f"On {day} that time has passed in {times.city(change.time_zone)}. Choose a later one."
        elif work.wish.reach is not Reach.THIS:
            continue  # each date of a series says so itself
        elif change.slot.moved:
            work.errors["start_time"] = "The clock jumps over this time on that day. Choose an earlier or a later one."
        elif change.slot.twice:
            work.notices.append(twice_notice(change.draft.wall, change.slot.starts_at, change.time_zone))


def _warn_of_overlaps(work: Work) -> None:
    where = {"date", "start_time", "duration", "provider"}
    slots = [c.slot for c in work.changes if not c.cancelled and (c.added or where & set(c.fields))]
    provider = work.session.get(User, work.draft.provider_id)
    if slots and provider is not None and not work.errors:
        mine = frozenset(change.handle for change in work.changes)
        work.notices += overlaps(work.session, provider, slots, work.family.base.time_zone, without=mine)
        work.notices += _meeting_each_other(work)


def _meeting_each_other(work: Work) -> list[str]:
    """Visits of the series that the change itself would put on the same time, for the same provider."""
    placed = sorted((c for c in work.changes if not c.cancelled), key=lambda change: change.slot.starts_at)
    return [
        "Two visits of the series would be at the same time: "
        f"{times.date_text(later.slot.starts_at, later.time_zone)}, "
        f"{times.span_text(later.slot.starts_at, later.slot.ends_at, later.time_zone)}."
        for earlier, later in pairwise(placed)
        if later.slot.starts_at < earlier.slot.ends_at and later.draft.provider_id == earlier.draft.provider_id
    ][:MOST_OVERLAPS]


def _leaving(work: Work) -> dict[int, VisitChange | Visit]:
    """The visits that leave their request or are asked for anew, by handle: those the companies would have been told
    wrong about, and with a pending request all that it asks for."""
    asked_again = work.wish.kind is ChangeKind.ASK
    reshaped = any(change.added or change.cancelled for change in work.changes)
    found: dict[int, VisitChange | Visit] = {
        change.handle: change
        for change in work.changes
        if change.cancelled or change.added or asked_again or change.told
    }
    pending = {
        visit.request_id
        for visit in work.family.visits
        if (request := work.family.request_of(visit)) is not None
        and work.family.is_pending(request)
        and (visit.id in found or (reshaped and visit.id == work.family.base.id))
    }
    by_handle = {change.handle: change for change in work.changes}
    for visit in work.family.visits:
        if visit.request_id in pending and visit.id not in found:
            found[visit.id] = by_handle.get(visit.id, visit)
    return found


def _endings(work: Work, leaving: dict[int, VisitChange | Visit]) -> list[Ending]:
    family = work.family
    ids = {visit.request_id for visit in family.visits if visit.id in leaving and visit.request_id is not None}
    requests = (family.requests[request_id] for request_id in sorted(ids))
    holding = _still_holding(work, leaving)
    return [_ending(work, r, leaving, holding) for r in requests if family.is_pending(r) or family.is_accepted(r)]


def _ending(work: Work, request: Request, leaving: dict[int, VisitChange | Visit], holding: set[int]) -> Ending:
    held = [visit for visit in work.family.visits if visit.request_id == request.id]
    goes = [visit for visit in held if visit.id in leaving]
    stays = [visit for visit in held if visit.id not in leaving]
    keeps = sum(visit.ends_at > work.now for visit in stays)
    event = None
    if not stays:
        every = all(is_cancelled(leaving[visit.id]) for visit in goes)
        event = RequestEvent.CANCEL if every else RequestEvent.WITHDRAW
    winner = winner_of(work.session, request.id) if work.family.is_accepted(request) else None
    return Ending(
        request_id=request.id,
        event=event,
        winner_id=winner.invite_id if winner else 0,
        company_name=winner.company_name if winner else "",
        leaving=tuple(visit.id for visit in goes),
        keeps=keeps,
        loses_last=winner is not None and keeps == 0,
        changes_room=winner is not None and winner.company_id not in holding,
        waiting=() if winner else waiting_names(work.session, request.id),
    )


def _still_holding(work: Work, leaving: dict[int, VisitChange | Visit]) -> set[int]:
    """The companies that hold visits of the appointment to come, after the change."""
    stays = [visit for visit in work.family.visits if visit.ends_at > work.now and visit.id not in leaving]
    ids = {visit.request_id for visit in stays if visit.request_id is not None}
    requests = (work.family.requests[request_id] for request_id in ids)
    winners = (winner_of(work.session, request.id) for request in requests if work.family.is_accepted(request))
    return {winner.company_id for winner in winners if winner}


def _other_holders(work: Work, endings: list[Ending]) -> tuple[str, ...]:
    """The companies that hold visits to come and lose none of them: they get the new room and PIN."""
    ending = {ending.request_id for ending in endings}
    held = {visit.request_id or 0 for visit in work.family.visits if visit.ends_at > work.now} - ending - {0}
    requests = (work.family.requests[request_id] for request_id in sorted(held))
    winners = (winner_of(work.session, request.id) for request in requests if work.family.is_accepted(request))
    return tuple(dict.fromkeys(winner.company_name for winner in winners if winner))


def _name(session: Session, user_id: int) -> str:
    user = session.get(User, user_id)
    return user.name if user is not None else ""
