"""Which new requests a change makes: for which visits, asking whom."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared import times
from shared.changes.family import draft_of
from shared.changes.wishes import Asking, ChangeKind, VisitChange
from shared.changes.work import Work
from shared.choices import find_language, resolve_picks
from shared.models import Visit
from shared.plan import Question, VisitDraft, interpreters
from shared.rules import deadline_for


def askings_of(work: Work, leaving: dict[int, VisitChange | Visit]) -> tuple[list[Asking], tuple[int, ...]]:
    """One new request for all visits whose language, companies and notes agree; and the visits nobody is asked for."""
    groups: dict[tuple[str, frozenset[str], str], dict[int, datetime]] = {}
    ordered: dict[frozenset[str], tuple[str, ...]] = {}
    unasked = []
    for handle, item in leaving.items():
        if is_cancelled(item):
            continue
        draft, starts_at = _asked_for(work, item)
        if draft.language_tag and draft.picks:
            ticks = frozenset(draft.picks)
            ordered.setdefault(ticks, draft.picks)  # companies are asked in the order of the ticks
            groups.setdefault((draft.language_tag, ticks, draft.notes), {})[handle] = starts_at
        elif isinstance(item, VisitChange) and _had_request(work, handle):
            unasked.append(handle)
    askings: list[Asking] = []
    for (tag, ticks, notes), starts in groups.items():
        question = _question(
            work, replace(work.draft, language_tag=tag, picks=ordered[ticks], notes=notes), starts.values()
        )
        if question is None:
            unasked += [handle for handle in starts if _had_request(work, handle, alive=True)]
        else:
            _merge(askings, Asking(tuple(starts), question))
    return askings, tuple(unasked)


def _had_request(work: Work, handle: int, *, alive: bool = False) -> bool:
    """Whether the visit has a request, or (``alive``) one that the change ends: a closed one stays with its visit when
    nobody can be asked anew, so that the badge goes on saying that nobody is coming."""
    for visit in work.family.visits:
        request = work.family.request_of(visit)
        if visit.id == handle and request is not None:
            return not alive or work.family.is_pending(request) or work.family.is_accepted(request)
    return False


def _merge(askings: list[Asking], asking: Asking) -> None:
    """Add a request, or its visits to one that asks the same companies the same: ticks may differ, who is asked not."""
    for position, other in enumerate(askings):
        if other.question.asks == asking.question.asks:
            deadline = min(other.question.deadline, asking.question.deadline)
            askings[position] = Asking(other.handles + asking.handles, replace(other.question, deadline=deadline))
            return
    askings.append(asking)


def _asked_for(work: Work, item: VisitChange | Visit) -> tuple[VisitDraft, datetime]:
    if isinstance(item, VisitChange):
        return item.draft, item.slot.starts_at
    return draft_of(work.session, work.family, item), item.starts_at


def _question(work: Work, draft: VisitDraft, starts: Iterable[datetime]) -> Question | None:
    """What the new request asks, and whom. Strict about what the form chose; elsewhere whoever is left is asked."""
    clinic, first = work.family.clinic, min(starts)
    days = _days(sorted(starts), work.family.base.time_zone)
    if not clinic.dispatch_enabled:
        work.notices.append(f"Interpreter requests are switched off: nobody is asked for {days}.")
        return None
    lenient = work.wish.kind is ChangeKind.CANCEL or bool(work.wish.only)
    if lenient or draft.differs_from(work.draft):
        language = find_language(work.session, clinic.id, draft.language_tag)
        companies, problems = resolve_picks(work.session, clinic.id, draft.picks, language) if language else ((), [])
        work.notices += problems
        if not companies:
            work.notices.append(f"Nobody can be asked for {days}. Open the visit afterwards and choose whom to ask.")
            return None
    else:
        language, companies = interpreters(work.session, clinic, draft, work.errors)
    if language is None or not companies:
        return None
    return Question(
        language_tag=language.tag,
        language_name=language.name,
        language_short_name=language.short_name,
        notes=draft.notes,
        picks=draft.picks,
        companies=companies,
        deadline=deadline_for(confirmed_at=work.now, invite_duration=clinic.invite_duration, next_start=first),
    )


def _days(starts: list[datetime], zone: str) -> str:
    """Tue 24 Nov 2026, or: Tue 24 Nov 2026 and 5 more dates."""
    more = len(starts) - 1
    return times.date_text(starts[0], zone) + (f" and {more} more date{'s' if more > 1 else ''}" if more else "")


def is_cancelled(item: VisitChange | Visit) -> bool:
    return isinstance(item, VisitChange) and item.cancelled
