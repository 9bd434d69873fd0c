"""What saving a change will do, in sentences: pure functions of its plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from shared import times
from shared.changes import Asking, ChangeKind, ChangePlan, Ending, VisitChange
from shared.plan import FIELD_NAMES, VisitDraft

LABELS = {
    "patient_name": "Patient name",
    "provider": "Provider",
    "date": "Date",
    "start_time": "Start time",
    "duration": "Duration",
    "visit_type": "Visit type",
    "patient_contact": "Patient e-mail or phone",
    "reason": "Reason",
    "repeat": "Repeat",
    "language": "Language",
    "interpreter": "Interpreter",
    "notes": "Notes for Interpreter",
}
"""What the forms call the fields, in the order of the form."""

_ACTS = {ChangeKind.EDIT: "Saving", ChangeKind.ASK: "Asking again", ChangeKind.CANCEL: "Cancelling"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A field's value twice: as it is and as it would be, or as two people have it."""

    label: str
    one: str
    other: str

    @property
    def differs(self) -> bool:
        """Whether there is anything to see."""
        return self.one != self.other


@dataclass(frozen=True, slots=True)
class Names:
    """The words behind the values of a draft: providers by id, languages by tag, companies and groups by tick."""

    providers: Mapping[str, str]
    languages: Mapping[str, str]
    picks: Mapping[str, str]


def pairs_of(one: VisitDraft, other: VisitDraft, names: Names) -> list[Pair]:
    """Two drafts field by field, in the order of the form."""
    said, also = _said(one, names), _said(other, names)
    return [Pair(label, said[name], also[name]) for name, label in LABELS.items()]


def consequences(plan: ChangePlan) -> tuple[str, ...]:
    """What the change does to whoever has accepted or been asked, the most important first; never empty."""
    accepted = [ending for ending in plan.endings if ending.winner_id]
    pending = [ending for ending in plan.endings if not ending.winner_id]
    said = [sentence for ending in accepted for sentence in _of_winner(plan, ending)]
    said += _of_pending(plan, pending)
    if plan.holders:
        said.append(
            f"{_and(plan.holders)} {'keeps its' if len(plan.holders) == 1 else 'keep their'} dates and "
            f"{'is' if len(plan.holders) == 1 else 'are'} told of a new meeting room and PIN."
        )
    if not plan.endings:
        said.append(_of_nobody(plan))
    elif accepted and plan.askings and _only_new(plan):
        said.append(f"Saving sends a request to {_number(plan.askings)} for the new dates.")
    elif plan.wish.kind is ChangeKind.CANCEL and plan.askings:
        said.append(f"{_companies(plan.askings)} asked anew for {_dates(_count(plan.askings), 'the other')}.")
    return tuple(said)


def winners(endings: Iterable[Ending], *, but: Sequence[int] = ()) -> str:
    """The companies that have accepted, without those already known."""
    return _and(dict.fromkeys(e.company_name for e in endings if e.winner_id and e.winner_id not in but))


def is_one_visit(plan: ChangePlan) -> bool:
    """Whether the plan is about a single date, which then needs no list."""
    return all(change.handle == plan.wish.visit_id and not change.cancelled for change in listed(plan))


def listed(plan: ChangePlan) -> tuple[VisitChange, ...]:
    """The dates that a preview lists: those that change, and those that are asked for again."""
    return plan.meant if plan.wish.kind is ChangeKind.ASK else plan.changes


def when(change: VisitChange) -> str:
    """Where a visit moves from; empty if it stays where it is."""
    if change.was is None or (change.was.starts_at, change.was.ends_at) == (change.slot.starts_at, change.slot.ends_at):
        return ""
    zone = change.time_zone
    return f"{times.date_text(change.was.starts_at, zone)}, {_span(change)}"


def _span(change: VisitChange) -> str:
    assert change.was is not None
    return times.span_text(change.was.starts_at, change.was.ends_at, change.time_zone)


def alike_and_own(changes: Sequence[VisitChange], names: Names) -> tuple[list[str], dict[int, list[str]]]:
    """Provider, duration and type: what all visits have in common, and by handle what they don't."""
    said = {change.handle: _said(change.draft, names) for change in changes}
    told = {part: {values[part] for values in said.values()} for part in ("provider", "duration", "visit_type")}
    alike = [value for values in told.values() if len(values) == 1 for value in values]
    differing = [part for part, values in told.items() if len(values) > 1]
    return alike, {handle: [values[part] for part in differing] for handle, values in said.items()}


def rest(plan: ChangePlan, count: int) -> str:
    """What becomes of the visits to come, so many, that a cancellation leaves; empty if it leaves none."""
    if count < 1:
        return ""
    again = min(count, _count(plan.askings) + len(plan.unasked))
    stays = _visits(count, "stays as it is", "stay as they are")
    if not again:
        return f"The other {stays}."
    anew = "asked anew" if plan.askings else "nobody is asked anew"
    if again < count:
        return f"The other {stays}; for {again} of them the request is withdrawn and {anew}."
    return f"The other {_visits(count, 'stays; its', 'stay; their')} request is withdrawn and {anew}."


def _visits(count: int, one: str, many: str) -> str:
    return f"visit to come {one}" if count == 1 else f"{count} visits to come {many}"


def _of_winner(plan: ChangePlan, ending: Ending) -> list[str]:
    name, left = ending.company_name, len(ending.leaving)
    room = "the meeting room and its PIN change" if any(e.changes_room for e in plan.endings) else "room and PIN stay"
    stays = f"{name} keeps {_dates(ending.keeps, 'the other')}; {room}."
    if plan.wish.kind is ChangeKind.CANCEL:
        told = "an updated calendar file" if ending.keeps else "a cancellation, with a calendar file that removes it"
        first = f"{_accepted(plan, ending)} It is told at once and gets {told}."
        return [first, stays] if ending.keeps else [first]
    if set(ending.leaving) <= {change.handle for change in plan.changes if change.cancelled}:
        goes = f"cancels {_dates(len(ending.leaving))} of it"
    else:
        goes = (f"takes {_dates(left)} from it" if ending.keeps else "withdraws it") + _then_asks(plan)
    first = f"{_accepted(plan, ending)} {_ACTS[plan.wish.kind]} {goes}."
    if ending.keeps:
        return [first, stays]
    again = " and a new request" if name in _asked(plan.askings) else ""
    room = "The meeting room and its PIN change" if ending.changes_room else "Room and PIN stay: it has other dates"
    return [first, f"{name} gets a cancellation{again}. {room}."]


def _accepted(plan: ChangePlan, ending: Ending) -> str:
    """That it has accepted; of how many, if it holds only some of the dates that the change is about."""
    about = {change.handle for change in plan.changes if change.cancelled or (change.told and not change.added)}
    about |= {handle for other in plan.endings if other.winner_id for handle in other.leaving}
    if plan.wish.kind is ChangeKind.ASK:
        about |= {handle for asking in plan.askings for handle in asking.handles} | set(plan.unasked)
    some = f" {len(ending.leaving)} of these dates" if len(ending.leaving) < len(about) else ""
    return f"{ending.company_name} has accepted{some}."


def _of_pending(plan: ChangePlan, endings: Sequence[Ending]) -> list[str]:
    """All pending requests together: whoever waits for two of them is one company."""
    if not endings:
        return []
    waiting, act = list(dict.fromkeys(name for e in endings for name in e.waiting)), _ACTS[plan.wish.kind]
    if len(waiting) == 1:
        said = [f"{waiting[0]} has been asked and has not answered."]
    elif waiting:
        said = [f"{len(waiting)} companies have been asked and have not answered."]
    else:
        said = ["A request is open." if len(endings) == 1 else f"{len(endings)} requests are open."]
    if plan.wish.kind is ChangeKind.CANCEL and not plan.askings:
        return [*said, f"{'It is' if len(waiting) == 1 else 'They are'} told that there is nothing to do."]
    whose = "the" if len(waiting) < 2 else "their"
    what = "request" if len(endings) == 1 else f"{len(endings)} requests"
    asks = " and asks anew" if plan.askings else ". Nobody is asked anew"
    said[0] += f" {act} withdraws {whose} {what}{asks}."
    dropped = [name for name in waiting if name not in _asked(plan.askings)]
    if dropped:
        said.append(f"Told that there is nothing to do: {_and(dropped)}.")
    return said + _of_others(plan, endings)


def _of_others(plan: ChangePlan, endings: Iterable[Ending]) -> list[str]:
    """The dates that the change is not about, and that lose their request with it. Cancelling says it of what stays."""
    if plan.wish.kind is ChangeKind.CANCEL:
        return []
    meant = {change.handle for change in plan.meant}
    others = {handle for ending in endings for handle in ending.leaving} - meant
    if not others:
        return []
    lose = "loses its request too and is" if len(others) == 1 else "lose their request too and are"
    first = f"{_dates(len(others), 'The other')} {lose}"
    if not plan.askings:
        return [f"{first} asked for no more."]
    together = any(others < set(asking.handles) for asking in plan.askings)
    return [f"{first} asked anew{', together in one request' if together else ''}."]


def _of_nobody(plan: ChangePlan) -> str:
    if plan.askings:
        return _first_request(plan)
    if plan.wish.kind is ChangeKind.CANCEL:
        return "No company has accepted or is waiting to answer: nobody is told."
    if any(change.told or change.added for change in plan.changes):
        return "No company has accepted or is waiting to answer: nobody is told, and nobody is asked."
    return "No company sees any of this: nobody is told."


def _first_request(plan: ChangePlan) -> str:
    sends = f"sends a request to {_number(plan.askings)}"
    if _only_new(plan):
        return f"Saving {sends} for the new dates. Nothing else changes for any company."
    is_first = plan.wish.kind is ChangeKind.ASK and not plan.before.language_tag
    act = "Asking" if is_first else _ACTS[plan.wish.kind]
    return f"No company has accepted or is waiting to answer. {act} {sends}."


def _only_new(plan: ChangePlan) -> bool:
    """Whether all that is asked for are dates that a new rule adds."""
    return all(handle < 0 for asking in plan.askings for handle in asking.handles)


def _then_asks(plan: ChangePlan) -> str:
    if not plan.askings:
        return ". Nobody is asked instead"
    return " and asks everyone again" if plan.wish.kind is ChangeKind.EDIT else f" and asks {_number(plan.askings)}"


def _said(draft: VisitDraft, names: Names) -> dict[str, str]:
    """A draft's values in words, by the names of the form's fields; empty where there is nothing."""
    values = {FIELD_NAMES.get(part.name, part.name): str(getattr(draft, part.name) or "") for part in fields(draft)}
    return values | {
        "provider": names.providers.get(str(draft.provider_id), "Somebody else"),
        "date": times.day_text(draft.day),
        "start_time": f"{draft.wall:%H:%M}",
        "duration": times.duration_text(draft.duration_minutes),
        "visit_type": draft.visit_type.value.capitalize(),
        "repeat": draft.repeat.words if draft.repeat else "",
        "language": names.languages.get(draft.language_tag, draft.language_tag),
        "interpreter": ", ".join(sorted(names.picks[pick] for pick in draft.picks)),
    }


def _asked(askings: Iterable[Asking]) -> list[str]:
    return list(dict.fromkeys(company.name for asking in askings for company in asking.question.companies))


def _count(askings: Iterable[Asking]) -> int:
    return sum(len(asking.handles) for asking in askings)


def _number(askings: Iterable[Asking]) -> str:
    count = len(_asked(askings))
    return "1 company" if count == 1 else f"{count} companies"


def _companies(askings: Sequence[Asking]) -> str:
    return f"{_number(askings)} {'is' if len(_asked(askings)) == 1 else 'are'}"


def _dates(count: int, which: str = "") -> str:
    """1 date, 5 dates, the other date, the other 5 dates."""
    if which and count == 1:
        return f"{which} date"
    return " ".join(filter(None, (which, str(count), "date" if count == 1 else "dates")))


def _and(names: Iterable[str]) -> str:
    found = list(names)
    return " and ".join(filter(None, (", ".join(found[:-1]), found[-1]))) if found else ""
