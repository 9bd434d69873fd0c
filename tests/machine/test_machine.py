"""Random steps, compared with the model after each: 2,000 in `make test`, 50,000 in `make soak`."""

import os
import secrets
import time as stopwatch
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.states import Answer, Reach, VisitType
from tests.machine import wishes
from tests.machine.model import Clinic, Rule
from tests.machine.post import Fate
from tests.machine.steps import Steps, blank_form, rules_from
from tests.machine.town import OTHER_CONTACT, unhurried_disk
from tests.machine.wishes import Form
from tests.world import World

STEPS_EACH = 50
LAST_DAY = datetime(2027, 2, 1, tzinfo=UTC)
"""Series that begin later would meet summer time, which other tests are about."""

which = st.integers(0, 11)
clinics = st.integers(0, 1)
reaches = st.sampled_from([Reach.FOLLOWING, Reach.THIS, Reach.ALL])
at_once = st.sampled_from([True, True, True, False])
ticks = st.frozensets(st.integers(0, 4), min_size=1, max_size=3)
"""Companies 0 to 3, and 4 is the group."""

CHANGES = (
    "an hour later",
    "an hour earlier",
    "a day later",
    "a day earlier",
    "longer or shorter",
    "by phone or video",
    "the other provider",
    "other notes",
    "another contact of the patient",
    "other companies",
    "another language",
    "no interpreter",
    "the other clinic's company",
    "more dates",
    "fewer dates",
    "other days of the week",
)
WAITS = (
    "a minute",
    "six minutes",
    "two hours",
    "a day",
    "to the next deadline",
    "to just before the next deadline",
    "to the next start",
    "to the next end",
)


MUST_HAPPEN = (
    "accepted on open",
    "declined on open",
    "edit changed",
    "ask changed",
    "cancel changed",
    "edit already_made",
    "mail REFUSED",
    "mail DIED_TAKEN",
    "read filled",
    "read withdrawn",
    "read updated",
    "read cancellation",
    "request expired",
    "winner keeps some",
)
"""Without these a run proves little."""

SETTINGS = ("dispatch", "duration", "contact", "provider's name", "accreditation", "address", "group")


@dataclass(frozen=True)
class Booking:
    """A new visit's form; ``asked`` may be empty, ``repeat`` is the number of a rule, ``spanish`` is for those two
    companies that interpret it."""

    clinic: int
    days: int
    hour: int
    minutes: int
    repeat: int
    asked: frozenset[int]
    spanish: bool
    at_once: bool


bookings = st.builds(
    Booking,
    clinic=clinics,
    days=st.sampled_from([1, 2, 3, 5, 9, 0]),
    hour=st.sampled_from([13, 8, 17]),
    minutes=st.sampled_from([30, 240]),
    repeat=st.sampled_from([2, 3, 1, 0, 4]),
    asked=st.one_of(ticks, ticks, ticks, ticks, ticks, st.just(frozenset())),
    spanish=st.booleans(),
    at_once=at_once,
)


def _deed(times: int, name: str, **values: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Any]]:
    """A step of the machine, as often as it is to come up among the others."""
    return [st.tuples(st.just(name), st.fixed_dictionaries(values))] * times


deeds = st.one_of(  # the first is the one that Hypothesis likes best
    *_deed(
        8,
        "answer",
        link=which,
        said=st.sampled_from([*Answer, Answer.ACCEPTED]),
        alive=st.sampled_from([True, True, True, False]),
    ),
    *_deed(
        6,
        "edit",
        visit=which,
        reach=reaches,
        how=st.lists(st.sampled_from(CHANGES), min_size=1, max_size=2, unique=True),
        asked=ticks,
        now=at_once,
        sent=st.booleans(),
    ),
    *_deed(
        5,
        "cancel_or_ask_again",
        visit=which,
        reach=reaches,
        how=st.sampled_from(["cancel", "ask", "ask others"]),
        asked=ticks,
        now=at_once,
    ),
    *_deed(2, "confirm_late_or_twice", preview=which, old=st.sampled_from([True, True, False])),
    *_deed(1, "try_other_clinic", visit=which),
    *_deed(3, "create", booking=bookings, sent=st.booleans()),
    *_deed(1, "open_links", link=which),
    *_deed(2, "wait", until=st.sampled_from(WAITS), sweep=st.booleans()),
    *_deed(4, "slow_workers", count=st.integers(1, 3), fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=4)),
    *_deed(3, "send_some", count=st.integers(1, 6)),
    *_deed(1, "deliver_all"),
    *_deed(4, "change_settings", who=clinics, what=st.sampled_from(SETTINGS), number=st.integers(0, 3), some=ticks),
)


class Machine(RuleBasedStateMachine):
    """One run: two new clinics, some fifty steps. run_machine puts in ``world`` and who is told of every thousandth
    step."""

    world: World
    progress: Callable[[int], None]
    taken = 0
    seen: Counter[str] = Counter()  # noqa: RUF012 - each run_machine has its own

    def __init__(self) -> None:
        super().__init__()
        self._context = self.world.jobs.app_context()
        self._context.push()
        self.steps = Steps(self.world, self.seen, tell=note)
        self._in_step = False

    def teardown(self) -> None:
        """The last delivery, unless a step has failed: what comes of that would hide it."""
        try:
            if not self._in_step:
                self.steps.finish()
        finally:
            self._context.pop()

    @invariant()
    def the_product_is_as_the_model(self) -> None:
        self.steps.watch.compare(self.steps.now)
        self._in_step = False

    # ---- visits

    @initialize(first=bookings, second=bookings)
    def begin(self, first: Booking, second: Booking) -> None:
        self._in_step = True
        for booking in (first, second):
            self._book(replace(booking, days=booking.days + 1, at_once=True))
        self._send(20)

    @rule(deed=deeds)
    def do(self, deed: tuple[str, dict[str, Any]]) -> None:
        """One step, if it can be at all. One rule for all: Hypothesis would leave most of many rules out of a run."""
        name, values = deed
        if name in {"answer", "open_links"} and not self.steps.links:
            return
        if name == "confirm_late_or_twice" and not self.steps.previews + self.steps.done:
            return
        if name == "wait" and self.steps.now > LAST_DAY:
            return
        if name in {"edit", "cancel_or_ask_again", "try_other_clinic"} and not self.steps.visits:
            return
        self._in_step = True
        type(self).taken += 1
        if self.taken % 1_000 == 0:
            type(self).progress(self.taken)
        getattr(self, name)(**values)

    def create(self, booking: Booking, sent: bool) -> None:
        self._book(booking)
        self._send(20 if sent else 0)

    def edit(self, visit: int, reach: Reach, how: list[str], asked: frozenset[int], now: bool, sent: bool) -> None:
        self._change("edit", visit, reach, how, asked, now)
        self._send(20 if sent else 0)

    def cancel_or_ask_again(self, visit: int, reach: Reach, how: str, asked: frozenset[int], now: bool) -> None:
        if how == "cancel":
            self.steps.change("cancel", _pick(self.steps.visits, visit), reach, None, at_once=now)
        else:
            self._change("ask", visit, reach, ["other companies"] if how == "ask others" else [], asked, now)

    def confirm_late_or_twice(self, preview: int, old: bool) -> None:
        self.steps.confirm(
            _pick((self.steps.previews if old else self.steps.done) or self.steps.previews or self.steps.done, preview)
        )

    def try_other_clinic(self, visit: int) -> None:
        self.steps.try_other_clinic(_pick(self.steps.visits, visit))

    # ---- companies

    def answer(self, link: int, said: Answer, alive: bool) -> None:
        links = (self.steps.open_links if alive else []) or self.steps.links
        invite, email = _pick(links, link)
        self.steps.answer(invite, email, said)

    def open_links(self, link: int) -> None:
        self.steps.look(*_pick(self.steps.links, link))

    # ---- time, jobs and mail

    def wait(self, until: str, sweep: bool) -> None:
        self.steps.wait(_instant(self.steps, until))
        if sweep:
            self.steps.sweep()

    def slow_workers(self, count: int, fates: list[Fate]) -> None:
        """Some mails are picked up, and something becomes of some that are in hand."""
        for _mail in range(count):
            self.steps.pick_up()
        for number, fate in enumerate(fates):
            if self.steps.post.hands:
                self.steps.settle(number, fate)

    def send_some(self, count: int) -> None:
        self._send(count)

    def deliver_all(self) -> None:
        self.steps.deliver_all()

    # ---- settings

    def change_settings(self, who: int, what: str, number: int, some: frozenset[int]) -> None:
        clinic, steps = self.steps.town.clinics[who], self.steps
        company = clinic.companies[number]
        if what == "dispatch":
            steps.switch_asking(clinic, on=number > 0)
        elif what == "duration":
            steps.change_duration(clinic, timedelta(minutes=(1, 30, 24 * 60, 30 * 24 * 60)[number]))
        elif what == "contact":
            steps.change_contact(clinic, number + 10)
        elif what == "provider's name":
            steps.rename_provider(clinic, number, " (MD)" if number > 1 else "")
        elif what == "accreditation":
            steps.accredit(clinic, company)
        elif what == "address":
            steps.add_address(clinic, company)
        else:
            steps.change_members(clinic, [clinic.companies[one] for one in sorted(some - {4})])

    # ---- helpers

    def _send(self, count: int) -> None:
        """Up to so many mails leave, as long as any is due."""
        for _mail in range(count):
            held = len(self.steps.post.hands)
            if not self.steps.pick_up():
                return
            if len(self.steps.post.hands) > held:
                self.steps.settle(held, Fate.TAKEN)

    def _book(self, booking: Booking) -> None:
        clinic = self.steps.town.clinics[booking.clinic]
        form = blank_form(clinic, self.steps.now)
        form["day"] += timedelta(days=booking.days)
        form |= {"wall": form["wall"].replace(hour=booking.hour), "minutes": booking.minutes}
        form["rule"] = rules_from(form)[booking.repeat]
        if booking.asked:
            language = "es" if booking.asked <= {0, 3} and booking.spanish else "ase"
            form |= {"language": language, "picks": _picks(clinic, booking.asked)}
        self.steps.new_visit(clinic, form, at_once=booking.at_once)

    def _change(self, what: str, visit: int, reach: Reach, how: list[str], asked: frozenset[int], now: bool) -> None:
        base = _pick(self.steps.visits, visit)
        form = wishes.form_of(base)
        for words in how:
            _alter(form, words, base.appointment.clinic, self.steps, asked)
        self.steps.change(what, base, reach, form, at_once=now)


def _pick(things: list[Any], number: int) -> Any:
    return things[number % len(things)]


def _picks(clinic: Clinic, asked: frozenset[int]) -> frozenset[str]:
    values = [*(f"company:{company.id}" for company in clinic.companies), f"group:{clinic.groups[0].id}"]
    return frozenset(values[number] for number in asked)


def _alter(form: Form, words: str, clinic: Clinic, steps: Steps, asked: frozenset[int]) -> None:
    """Type the change into the form."""
    hour, rule = form["wall"].hour, form["rule"]
    changes: dict[str, Form] = {
        "an hour later": {"wall": form["wall"].replace(hour=(hour + 1) % 24)},
        "an hour earlier": {"wall": form["wall"].replace(hour=(hour - 1) % 24)},
        "a day later": {"day": form["day"] + timedelta(days=1)},
        "a day earlier": {"day": form["day"] - timedelta(days=1)},
        "longer or shorter": {"minutes": 45 if form["minutes"] != 45 else 90},
        "by phone or video": {"kind": VisitType.PHONE if form["kind"] is VisitType.VIDEO else VisitType.VIDEO},
        "the other provider": {"provider": next(p for p in clinic.providers if p is not form["provider"])},
        "other notes": {"notes": "Quiet room" if form["notes"] != "Quiet room" else ""},
        "another contact of the patient": {"patient_contact": OTHER_CONTACT},
        "other companies": {"language": form["language"] or "ase", "picks": _picks(clinic, asked)},
        "another language": {"language": "es" if form["language"] == "ase" else "ase"},
        "no interpreter": {"language": "", "picks": frozenset(), "notes": ""},
        "the other clinic's company": {"picks": _picks(steps.town.other(clinic), asked)},
    }
    if rule is not None:
        dates = rule.dates(form["day"]) or [form["day"]]
        changes |= {
            "more dates": {"rule": Rule(rule.weekdays, len(dates) + 2, None)},
            "fewer dates": {"rule": Rule(rule.weekdays, None, dates[len(dates) // 2])},
            "other days of the week": {"rule": Rule(((dates[0].weekday() + 1) % 7,), 2, None)},
        }
    form |= changes.get(words, {})


def _instant(steps: Steps, until: str) -> datetime:
    now = steps.now
    fixed = {
        "a minute": timedelta(minutes=1),
        "six minutes": timedelta(minutes=6),
        "two hours": timedelta(hours=2),
        "a day": timedelta(days=1),
    }
    if until in fixed:
        return now + fixed[until]
    deadlines = [request.deadline for request in steps.requests if request.is_open(now)]
    instants = {
        "to the next deadline": deadlines,
        "to just before the next deadline": [deadline - timedelta(milliseconds=1) for deadline in deadlines],
        "to the next start": [visit.starts_at for visit in steps.visits if visit.starts_at > now],
        "to the next end": [visit.ends_at for visit in steps.visits if visit.ends_at > now],
    }[until]
    return min(instants, default=now)


def run_machine(
    world: World, *, steps: int, seeded: int | None = None, progress: Callable[[int], None] = lambda _taken: None
) -> Counter[str]:
    """Run until so many steps were taken; tells how many, how fast, and what they led to."""
    bound = type("Bound", (Machine,), {"world": world, "progress": progress, "taken": 0, "seen": Counter()})
    if seeded is not None:
        seed(seeded)(bound)
    began = stopwatch.perf_counter()
    with world.jobs.app_context(), unhurried_disk():
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=steps * 12 // STEPS_EACH // 10,  # some runs are shorter
                stateful_step_count=STEPS_EACH,
                derandomize=seeded is None,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    seen: Counter[str] = bound.seen  # type: ignore[attr-defined]
    seen["steps"] = bound.taken  # type: ignore[attr-defined]
    seen["seconds"] = round(stopwatch.perf_counter() - began)
    return seen


def report(seen: Counter[str], *, seeded: int | None = None) -> str:
    """What a run came to, in lines."""
    each = seen["steps"] / max(seen["seconds"], 1)
    first = f"{seen['steps']} steps in {seen['seconds']} s, {each:.0f} a second, seed {seeded}"
    return "\n".join(["", first, *(f"{times:8} {what}" for what, times in sorted(seen.items()))])


def soak_seed() -> int:
    """A new one each time, unless MACHINE_SEED says which."""
    return int(os.environ.get("MACHINE_SEED") or secrets.randbelow(10**9))


def test_two_thousand_random_steps_leave_product_and_model_agreed(sqlite_world: World) -> None:
    seen = run_machine(sqlite_world, steps=2_000)

    print(report(seen))  # noqa: T201
    assert seen["steps"] >= 2_000
    assert not [what for what in MUST_HAPPEN if not seen[what]], report(seen)


@pytest.mark.soak
@pytest.mark.alone
@pytest.mark.parametrize(("database", "steps"), [("sqlite", 50_000), ("postgres", 5_000)])
def test_many_more_random_steps_leave_product_and_model_agreed(
    database: str,
    steps: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    world, seeded = request.getfixturevalue(f"{database}_world"), soak_seed()

    def tell(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)  # noqa: T201

    tell(f"\nMACHINE_SEED={seeded} runs the same steps again")
    seen = run_machine(world, steps=steps, seeded=seeded, progress=lambda taken: tell(f"{taken:,} of {steps:,} steps"))

    tell(report(seen, seeded=seeded))
    record_property("figure", f"{seen['steps']:,} steps, each compared with the model")
    assert seen["steps"] >= steps
