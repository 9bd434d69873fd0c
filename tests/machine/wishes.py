"""The model of sections 6 and 7: what an edit, a cancellation or asking again does to visits and requests."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.states import Reach, RequestState, VisitType
from tests.machine.model import Appointment, Clinic, Company, Person, Request, Rule, Series, Visit, ask, companies_of

Form = dict[str, Any]
"""A filled-in form: provider, day, wall, minutes, kind, patient_contact, language, picks, notes, rule."""

TOLD = {"provider", "day", "wall", "minutes", "kind", "language", "picks", "notes"}
"""What companies see: a change of any of these withdraws."""

INTERPRETER = {"language", "picks", "notes"}


@dataclass(eq=False)
class Future:
    """What one visit would become; ``visit`` is None for a date that a new rule adds."""

    visit: Visit | None
    form: Form
    changed: set[str]
    starts_at: datetime
    occurs_on: date | None
    cancelled: bool = False

    @property
    def leaves(self) -> bool:
        return self.visit is None or self.cancelled or bool(self.changed & TOLD)


@dataclass(eq=False)
class Plan:
    """What would be done; nothing is while ``refused`` (the visit can't be changed any more) or ``invalid`` hold."""

    refused: bool = False
    invalid: bool = False
    futures: list[Future] = field(default_factory=list)
    ends: list[tuple[Request, list[Visit]]] = field(default_factory=list)
    asks: list[tuple[list[Future], list[Company], Form]] = field(default_factory=list)
    unasked: list[Visit] = field(default_factory=list)
    touched: dict[Visit, int] = field(default_factory=dict)
    winners: set[Request] = field(default_factory=set)
    rule: Rule | None = None

    @property
    def questions(self) -> list[tuple[list[datetime], list[str]]]:
        """For which visits (by start) which companies are asked."""
        return sorted(
            (sorted(future.starts_at for future in futures), sorted(company.name for company in companies))
            for futures, companies, _form in self.asks
        )

    @property
    def companies(self) -> list[str]:
        return sorted(company.name for _futures, companies, _form in self.asks for company in companies)


@dataclass(frozen=True)
class Wanted:
    """What somebody wants of a visit. ``form`` is the whole form (none for a cancellation), opened at ``version``."""

    what: str
    visit: Visit
    version: int
    reach: Reach
    form: Form | None = None


def form_of(visit: Visit) -> Form:
    """The form as it opens."""
    request, rule = visit.request, None
    if visit.series is not None and visit.occurs_on is not None:
        rule = visit.series.rule
        if rule.count is not None:
            left = sum(day >= visit.occurs_on for day in rule.dates(visit.series.first))
            rule = Rule(rule.weekdays, left, None)
    return {
        "provider": visit.provider,
        "day": visit.local.date(),
        "wall": visit.local.time(),
        "minutes": visit.minutes,
        "kind": visit.kind,
        "patient_contact": visit.patient_contact,
        "language": request.language if request else "",
        "picks": request.picks if request else frozenset(),
        "notes": request.notes if request else "",
        "rule": rule,
    }


def instant(clinic: Clinic, day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, ZoneInfo(clinic.zone)).astimezone(UTC)


def create(clinic: Clinic, form: Form, now: datetime) -> tuple[Plan, list[date]]:
    """What a new visit's form would make, and on which dates."""
    plan = Plan(rule=form["rule"])
    dates = form["rule"].dates(form["day"]) if form["rule"] else [form["day"]]
    plan.invalid = instant(clinic, form["day"], form["wall"]) <= now
    companies, fine = _strictly(clinic, form)
    plan.invalid = plan.invalid or not fine
    if companies:
        plan.asks = [([], companies, form)]
    return plan, dates


def make(clinic: Clinic, form: Form, plan: Plan, dates: list[date], now: datetime) -> Appointment:
    """Confirm a new visit."""
    appointment = Appointment(clinic)
    clinic.appointments.append(appointment)
    series = Series(form["rule"], dates[0]) if form["rule"] else None
    for day in dates:
        _add(appointment, form, day, series)
    if plan.asks:
        ask(appointment, list(appointment.visits), plan.asks[0][1], now=now, **_question(form))
    return appointment


def plan_change(wanted: Wanted, now: datetime) -> Plan:
    """What the wish would do now."""
    base, clinic = wanted.visit, wanted.visit.appointment.clinic
    if _refused(wanted, now):
        return Plan(refused=True)
    plan, before = Plan(), form_of(base)
    form = _typed(wanted, before)
    changed = {name for name in form if form[name] != before[name]}
    asking = wanted.what == "ask"
    if wanted.reach is not Reach.THIS and (base.series is None or "day" in changed):
        plan.invalid = True
    if asking or changed & INTERPRETER:
        plan.invalid = plan.invalid or not _strictly(clinic, form)[1] or (asking and not form["picks"])
    for visit in _targets(wanted, now):
        plan.futures.append(_future(visit, form, INTERPRETER if asking else changed, gone=wanted.what == "cancel"))
    if "rule" in changed and not plan.invalid:
        _follow_rule(plan, base, form, before)
    moved = [f for f in plan.futures if not f.cancelled and (f.visit is None or f.changed & {"day", "wall"})]
    plan.invalid = plan.invalid or any(future.starts_at <= now for future in moved)
    leaving = _leaving(plan, wanted, now)
    _end(plan, base.appointment, leaving, now)
    plan.winners = {request for request, _visits in plan.ends if request.state is RequestState.ACCEPTED}
    _ask(plan, clinic, leaving, form, strict=wanted.what != "cancel")
    touched = [f.visit for f in (*plan.futures, *leaving) if f in leaving or f.changed or f.cancelled]
    plan.touched = {visit: visit.version for visit in touched if visit is not None}
    return plan


def carry_out(plan: Plan, wanted: Wanted, now: datetime) -> None:
    """Do it: visits change, requests end or lose visits, others are asked."""
    appointment = wanted.visit.appointment
    new = _new_series(plan, wanted)
    for future in plan.futures:
        _apply(appointment, future, new)
    for request, visits in plan.ends:
        _leave(request, visits, now)
    for visit in plan.unasked:
        visit.request = None
    for futures, asked, form in plan.asks:
        visits = [future.visit for future in futures if future.visit is not None]
        made = ask(appointment, visits, asked, now=now, **_question(form))
        for request, _visits in plan.ends:
            request.successors.append(made)
    for visit in plan.touched:
        visit.version += 1
    _change_room(plan, appointment, now)


def _refused(wanted: Wanted, now: datetime) -> bool:
    """Edit until the start, cancel until the end, nothing after a cancellation, no asking while that is off."""
    visit = wanted.visit
    until = visit.ends_at if wanted.what == "cancel" else visit.starts_at
    return visit.cancelled or until <= now or (wanted.what == "ask" and not visit.appointment.clinic.asks)


def _typed(wanted: Wanted, before: Form) -> Form:
    """The form's values; what it did not offer is as before."""
    typed = wanted.form or before
    form = before | {name: typed[name] for name in INTERPRETER} if wanted.what == "ask" else dict(typed)
    if wanted.reach is not Reach.FOLLOWING or form["rule"] is None:
        form["rule"] = before["rule"]
    if not wanted.visit.appointment.clinic.asks:
        form |= {name: before[name] for name in INTERPRETER}
    if wanted.what == "edit" and before["language"] and not form["language"] and not form["picks"]:
        form["notes"] = ""  # nobody is asked any more who could read them
    return form


def _strictly(clinic: Clinic, form: Form) -> tuple[list[Company], bool]:
    """Whom the form asks, and whether all of it can be asked."""
    if not form["language"] and not form["picks"]:
        return [], not form["notes"]
    if not clinic.asks or not form["language"] or not form["picks"]:
        return [], False
    return companies_of(clinic, sorted(form["picks"]), form["language"])


def _targets(wanted: Wanted, now: datetime) -> list[Visit]:
    """The visits meant: future ones only, by the date that the rule gave them."""
    base = wanted.visit
    visits = base.appointment.by_start
    if wanted.reach is Reach.THIS or base.series is None:
        visits = [base]
    elif wanted.reach is Reach.FOLLOWING:
        visits = [v for v in visits if v.occurs_on and base.occurs_on and v.occurs_on >= base.occurs_on]
    cancelling = wanted.what == "cancel"
    return [visit for visit in visits if (visit.ends_at if cancelling else visit.starts_at) > now]


def _future(visit: Visit, form: Form, changed: set[str], *, gone: bool) -> Future:
    """One visit with the changed fields alone applied to it."""
    before = form_of(visit)
    names = changed - {"rule"}
    if not before["language"] and "language" not in names:
        names -= INTERPRETER  # nobody is asked for it, and other companies or notes alone change nothing
    after = before if gone else before | {name: form[name] for name in names}
    differs = {name for name in after if after[name] != before[name]}
    starts_at = visit.starts_at
    if differs & {"day", "wall"}:
        starts_at = instant(visit.appointment.clinic, after["day"], after["wall"])
    return Future(visit, after, differs, starts_at, visit.occurs_on, cancelled=gone)


def _follow_rule(plan: Plan, base: Visit, form: Form, before: Form) -> None:
    """Dates that the new rule drops are cancelled, new ones added; what was taken out one by one stays out."""
    assert base.occurs_on is not None
    plan.rule = form["rule"]
    dates, old = form["rule"].dates(base.occurs_on), before["rule"].dates(base.occurs_on)
    plan.invalid = not dates
    known = {*old, *(future.occurs_on for future in plan.futures)}
    usual = form | _usual(base, form, before)
    for future in plan.futures:
        if future.occurs_on not in dates:
            future.cancelled, future.changed = True, set()
        else:
            future.changed.add("rule")
    for day in dates:
        if day not in known:
            after = usual | {"day": day}
            starts_at = instant(base.appointment.clinic, day, usual["wall"])
            plan.futures.append(Future(None, after, set(after), starts_at, day))


def _usual(base: Visit, form: Form, before: Form) -> Form:
    """What new dates take from the visits that they follow, where the form was not changed: what most of these have."""
    began = base.occurs_on or date.min
    later = [v for v in base.appointment.by_start if v.series is base.series and (v.occurs_on or date.min) > began]
    forms = [form_of(visit) for visit in (base, *later)]
    interpreter = ("language", "picks", "notes")
    kept: list[tuple[str, ...]] = [("wall",), ("minutes",), ("kind",), ("provider",), interpreter]
    found: Form = {}
    for names in kept:
        if all(form[name] == before[name] for name in names):
            values = [tuple(one[name] for name in names) for one in forms]
            found |= dict(zip(names, Counter(values).most_common(1)[0][0], strict=True))
    return found


def _leaving(plan: Plan, wanted: Wanted, now: datetime) -> list[Future]:
    """What leaves its request or is asked anew; with a pending request all that it asks about."""
    leaving = [future for future in plan.futures if future.leaves or wanted.what == "ask"]
    requests = {future.visit.request for future in leaving if future.visit is not None}
    if any(future.visit is None or future.cancelled for future in plan.futures):
        requests.add(wanted.visit.request)
    known = {future.visit: future for future in plan.futures}
    for visit in wanted.visit.appointment.by_start:
        request = visit.request
        if request is None or request not in requests or not request.is_open(now):
            continue
        future = known.get(visit) or _future(visit, {}, set(), gone=False)
        if future not in leaving:
            leaving.append(future)
    return leaving


def _end(plan: Plan, appointment: Appointment, leaving: list[Future], now: datetime) -> None:
    for request in appointment.requests:
        visits = [f.visit for f in leaving if f.visit is not None and f.visit.request is request]
        if visits and (request.is_open(now) or request.state is RequestState.ACCEPTED):
            plan.ends.append((request, visits))


def _ask(plan: Plan, clinic: Clinic, leaving: list[Future], form: Form, *, strict: bool) -> None:
    """One request where language, companies and notes agree. What the form says must hold; where the others' ticks
    no longer do, whoever is left is asked. Where nobody is, a request that is closed stays: its badge says why nobody
    comes."""
    ended = {request for request, _visits in plan.ends}
    for future in leaving:
        if future.cancelled:
            continue
        after = future.form
        companies: list[Company] = []
        if after["language"] and after["picks"] and clinic.asks:
            companies, fine = companies_of(clinic, sorted(after["picks"]), after["language"])
            if strict and not fine and _question(after) == _question(form):
                plan.invalid = True
        if companies:
            _join(plan, future, companies)
        elif future.visit is not None and (future.visit.request in ended or not (after["language"] and after["picks"])):
            plan.unasked.append(future.visit)


def _join(plan: Plan, future: Future, companies: list[Company]) -> None:
    for futures, asked, form in plan.asks:
        same = (form["language"], form["notes"]) == (future.form["language"], future.form["notes"])
        if same and set(asked) == set(companies):
            futures.append(future)
            return
    plan.asks.append(([future], companies, future.form))


def _question(form: Form) -> dict[str, Any]:
    return {name: form[name] for name in ("language", "picks", "notes")}


def _new_series(plan: Plan, wanted: Wanted) -> Series | None:
    """A new rule begins a series of its own; the old one ends before it, also when its rest is cancelled."""
    base = wanted.visit
    ends = plan.rule is not None or wanted.what == "cancel"
    if wanted.reach is not Reach.FOLLOWING or base.series is None or base.occurs_on is None or not ends:
        return None
    old = base.series
    if old.first < base.occurs_on:
        old.rule = Rule(old.rule.weekdays, None, base.occurs_on - timedelta(days=1))
    days = [future.occurs_on for future in plan.futures if future.occurs_on and not future.cancelled]
    return Series(plan.rule, min(days)) if plan.rule and days else None


def _apply(appointment: Appointment, future: Future, new: Series | None) -> None:
    visit, form = future.visit, future.form
    if visit is None:
        assert future.occurs_on is not None
        future.visit = _add(appointment, form, future.occurs_on, new)
    elif future.cancelled:
        visit.cancelled = True
    else:
        visit.handed_over |= form["provider"] is not visit.provider
        visit.provider, visit.kind, visit.minutes = form["provider"], form["kind"], form["minutes"]
        visit.patient_contact, visit.starts_at = form["patient_contact"], future.starts_at
        visit.series = new if new is not None and future.changed else visit.series


def _add(appointment: Appointment, form: Form, day: date, series: Series | None) -> Visit:
    provider, kind = form["provider"], form["kind"]
    assert isinstance(provider, Person)
    assert isinstance(kind, VisitType)
    starts_at = instant(appointment.clinic, day, form["wall"])
    visit = Visit(appointment, starts_at, form["minutes"], provider, kind, form["patient_contact"], series)
    visit.occurs_on = day if series else None
    appointment.visits.append(visit)
    return visit


def _leave(request: Request, visits: list[Visit], now: datetime) -> None:
    """The visits leave; without any left the request is cancelled (all of them were) or withdrawn."""
    stay = [v for v in request.appointment.by_start if v.request is request and v not in visits]
    if not stay:
        every = all(visit.cancelled for visit in visits)
        request.move(RequestState.CANCELLED if every else RequestState.WITHDRAWN)
    else:
        request.left |= set(visits)
        request.lost = not request.to_come(now)
        request.updates += not request.lost


def _change_room(plan: Plan, appointment: Appointment, now: datetime) -> None:
    """A winner that lost its last visit knows room and PIN: they change, and whoever still holds visits is told."""
    lost = [request for request, _visits in plan.ends if request.was_won and not request.holds(now)]
    if any(request.winner and not request.winner.holds_others(now) for request in lost):
        appointment.rooms += 1
        ended = {request for request, _visits in plan.ends}
        for request in appointment.requests:
            if request.holds(now) and request not in ended:
                request.updates += 1
