"""The steps that the machine takes, each told in a sentence; the model takes each of them too."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from shared.actions import AnswerOutcome, ConfirmOutcome, Preview, accept_invite, decline_invite, expire_request
from shared.actions.changes import ChangeOutcome, ChangePromise
from shared.errors import DomainError, NotFoundError
from shared.mails import MailRenderer
from shared.queries import due_request_ids, visit_details
from shared.rules import InviteCase
from shared.states import Answer, MailKind, Reach, RequestState, VisitType
from shared.tokens import LinkKind, VerifiedLink
from shared.web import Services
from tests.machine import model, wishes
from tests.machine.checks import Watch
from tests.machine.model import Clinic, Company, Invite, Request, Rule, Visit
from tests.machine.post import Fate, Post
from tests.machine.town import CONTACT, Town
from tests.machine.wishes import Form, Plan, Wanted
from tests.world import START, World

PAGES = {
    InviteCase.WITHDRAWN: 410,
    InviteCase.WON: 200,
    InviteCase.ASSIGNED_ELSEWHERE: 409,
    InviteCase.CLOSED: 410,
    InviteCase.DECLINED: 200,
    InviteCase.OPEN: 200,
}
REACHES = {Reach.THIS: "this visit", Reach.FOLLOWING: "this and following", Reach.ALL: "all"}


@dataclass(eq=False)
class Previewed:
    """A preview on somebody's screen: of a new visit (``form``) or of a change (``wanted``)."""

    clinic: Clinic
    promise: Any
    plan: Plan
    form: Form | None = None
    wanted: Wanted | None = None
    versions: tuple[tuple[Visit, int], ...] = ()
    visit_id: int = 0

    def __str__(self) -> str:
        if self.wanted is None:
            return f"a new visit at {self.clinic.name}"
        return f"to {self.wanted.what} visit {name_of(self.wanted.visit)} ({REACHES[self.wanted.reach]})"


class Steps:
    """Everything that can happen, once in the product and once in the model."""

    def __init__(self, world: World, seen: Counter[str], *, tell: Callable[[str], None]) -> None:
        self.world = world
        self._tell = tell
        self.seen = seen
        world.now = START
        self.town = Town(world)
        services: Services = world.jobs.extensions["services"]
        self._tokens = services.tokens
        self.post = Post(self.town.clinics, self._notice_closings, MailRenderer(services.settings, services.tokens))
        self.watch = Watch(self.town, self.post)
        self.previews: list[Previewed] = []
        self.done: list[Previewed] = []

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def visits(self) -> list[Visit]:
        return [visit for clinic in self.town.clinics for visit in clinic.visits]

    @property
    def requests(self) -> list[Request]:
        return [request for clinic in self.town.clinics for request in clinic.requests]

    @property
    def links(self) -> list[tuple[Invite, str]]:
        """Every link that any company ever got, the newest first."""
        got = {(hand.invite, hand.email): None for hand in self.post.read if hand.kind is MailKind.INVITE}
        return [(invite, email) for invite, email in got if invite is not None][::-1]

    @property
    def open_links(self) -> list[tuple[Invite, str]]:
        """Those that can still be answered."""
        return [(invite, email) for invite, email in self.links if invite.case(self.now) is InviteCase.OPEN]

    def say(self, sentence: str) -> None:
        self._tell(f"{self.now:%a %d %b %H:%M:%S}  {sentence}")

    # ---- visits

    def new_visit(self, clinic: Clinic, form: Form, *, at_once: bool) -> None:
        promise, product = self.town.preview_visit(clinic, form, self.now)
        plan, _dates = wishes.create(clinic, form, self.now)
        assert bool(product.errors) is plan.invalid, product.errors or "nothing stands against it"
        preview = Previewed(clinic, promise, plan, form=form)
        asked = ", ".join(plan.companies) or "nobody"
        self.say(f"{clinic.name} previews a visit on {form['day']:%d %b} at {form['wall']:%H:%M}, asking {asked}")
        self._confirm_or_keep(preview, at_once=at_once)

    def change(self, what: str, visit: Visit, reach: Reach, form: Form | None, *, at_once: bool) -> None:
        """Open the form, preview, and perhaps confirm."""
        wanted = Wanted(what, visit, visit.version, reach, form)
        plan = wishes.plan_change(wanted, self.now)
        told = f"{visit.appointment.clinic.name} wants to {what} {name_of(visit)} ({REACHES[reach]})"
        try:
            opened = self.town.open_form(visit, what, self.now)
        except DomainError:
            assert plan.refused, f"{told}: there is no form"
            self.say(f"{told}, which can't be any more")
            return
        assert not plan.refused, f"{told}, which can't be any more"
        expected = self.town.draft(wishes.form_of(visit))
        assert opened == expected, f"the form shows {opened}, not {expected}"
        promise, product = self.town.preview_change(wanted, self.now)
        assert bool(product.errors) is plan.invalid, product.errors or "nothing stands against it"
        versions = tuple(plan.touched.items())
        preview = Previewed(visit.appointment.clinic, promise, plan, wanted=wanted, versions=versions)
        self.say(f"{told}: {_change_words(visit, form)}, asking {', '.join(plan.companies) or 'nobody'}")
        self._confirm_or_keep(preview, at_once=at_once)

    def confirm(self, preview: Previewed) -> None:
        """Press Confirm, perhaps a second time, perhaps long after the preview."""
        if preview.form is not None:
            self._confirm_new(preview, preview.form)
        else:
            self._confirm_change(preview)

    def _confirm_or_keep(self, preview: Previewed, *, at_once: bool) -> None:
        if at_once:
            self.confirm(preview)
        else:
            self.previews.append(preview)

    def _confirm_new(self, preview: Previewed, form: Form) -> None:
        assert isinstance(preview.promise, Preview)
        plan, dates = wishes.create(preview.clinic, form, self.now)
        result = self.town.confirm_visit(preview.clinic, form, preview.promise, self.now)
        self.say(f"Confirm of {preview}: {result.outcome}")
        self.seen[f"confirm {result.outcome}"] += 1
        if preview in self.done:
            assert (result.outcome, result.visit_id) == (ConfirmOutcome.ALREADY_MADE, preview.visit_id)
        elif plan.invalid:
            assert result.outcome is ConfirmOutcome.INVALID, result.outcome
        elif plan.companies != preview.plan.companies:
            assert result.outcome is ConfirmOutcome.PREVIEW_AGAIN, result.outcome
        else:
            assert result.outcome is ConfirmOutcome.CREATED, result.outcome
            assert result.visit_id is not None
            preview.visit_id = result.visit_id
            appointment = wishes.make(preview.clinic, form, plan, dates, self.now)
            self.town.pin_ids(appointment, result.visit_id)
            self.done.append(preview)

    def _confirm_change(self, preview: Previewed) -> None:
        wanted = preview.wanted
        assert wanted is not None
        assert isinstance(preview.promise, ChangePromise)
        plan = wishes.plan_change(wanted, self.now)
        expected = {ChangeOutcome.ALREADY_MADE} if preview in self.done else self._expected(preview, plan, wanted)
        try:
            outcome = self.town.change_visit(wanted, preview.promise, self.now).outcome
        except DomainError:
            assert plan.refused, f"Confirm of {preview} is refused"
            assert ChangeOutcome.ALREADY_MADE not in expected, f"the second Confirm of {preview} is refused"
            self.say(f"Confirm of {preview}: it can't be any more")
            return
        self.say(f"Confirm of {preview}: {outcome}")
        self.seen[f"{wanted.what} {outcome}"] += 1
        assert outcome in expected, f"{outcome}, not {expected}"
        if outcome is ChangeOutcome.CHANGED:
            wishes.carry_out(plan, wanted, self.now)
            self.town.pin_ids(wanted.visit.appointment, wanted.visit.id)
            self.done.append(preview)

    def _expected(self, preview: Previewed, plan: Plan, wanted: Wanted) -> set[ChangeOutcome]:
        """Somebody else's change, then what stands against it, then a winner since, then other companies."""
        if plan.refused:
            return set()
        stale = wanted.version != wanted.visit.version
        stale = stale or any(visit.version != version for visit, version in preview.versions)
        if plan.invalid and (stale or plan.touched != dict(preview.versions)):
            return {ChangeOutcome.INVALID, ChangeOutcome.STALE}
        if stale:
            return {ChangeOutcome.STALE}
        if plan.invalid:
            return {ChangeOutcome.INVALID}
        if plan.winners - preview.plan.winners:
            return {ChangeOutcome.WON_MEANWHILE}
        return {ChangeOutcome.CHANGED if plan.questions == preview.plan.questions else ChangeOutcome.PREVIEW_AGAIN}

    # ---- companies

    def answer(self, invite: Invite, email: str, said: Answer) -> None:
        act = accept_invite if said is Answer.ACCEPTED else decline_invite
        case = invite.case(self.now)
        expected = model.answer(invite, said, self.now)
        link = VerifiedLink(LinkKind.INVITE, invite.links[email])
        outcome = act(link, responder="T. Boyle", now=self.now)
        self.say(f"{email} ({invite.company.name}, request {invite.request.id}, {case}): {said}, {outcome}")
        self.seen[f"{said} on {case}"] += 1
        if case is not InviteCase.WITHDRAWN:
            assert outcome == AnswerOutcome(expected), f"{outcome}, not {expected}"
        else:
            assert outcome is not AnswerOutcome.TAKEN

    def look(self, invite: Invite, email: str) -> None:
        """Somebody, or a robot, opens both links, the reason's and the guest link; it changes nothing."""
        token = self._tokens.link(LinkKind.INVITE, invite.links[email])
        case = invite.case(self.now)
        self.say(f"{email} opens the links of request {invite.request.id} ({case})")
        for word in ("accept", "decline"):
            page = self.world.vendor.get(f"/r/{token}/{word}")
            assert page.status_code == PAGES[case], f"{page.status_code}, not {PAGES[case]}"
            assert self.world.vendor.head(f"/r/{token}/{word}").status_code == PAGES[case]
        guest = self._tokens.link(LinkKind.GUEST, invite.guest_id)
        status = self.world.vendor.get(f"/meet/{guest}").status_code
        assert status == (200 if case is InviteCase.WON else 410), f"the guest link answers {status}"

    # ---- time, jobs and mail

    def wait(self, until: datetime) -> None:
        self.world.now = max(until, self.now)
        self.say("time has passed")
        self.watch.check_deadlines(self.now)

    def sweep(self) -> None:
        """The job that closes overdue requests."""
        ids = due_request_ids(limit=500, now=self.now)
        self.say(f"the job closes {len(ids)} overdue requests")
        for request_id in ids:
            expire_request(request_id, now=self.now)
        self._notice_closings(self.now)
        assert not [r for r in self.requests if r.state is RequestState.PENDING and r.deadline <= self.now]

    def pick_up(self) -> bool:
        """False if there was no mail to send."""
        told = self.post.pick_up(self.now)
        self.say(told or "a worker finds no mail to send")
        return bool(told)

    def settle(self, which: int, fate: Fate) -> None:
        hand = self.post.hands[which % len(self.post.hands)]
        self.seen[f"mail {fate.name}"] += 1
        self.say(self.post.settle(hand, fate, self.now))

    def deliver_all(self) -> None:
        """All mail leaves; then everybody must have been told the truth."""
        self.say("all mail is delivered")
        self.post.deliver_all(lambda: self.now, self.wait)
        self.watch.compare(self.now)
        self.watch.check_mail(self.now)

    def finish(self) -> None:
        """The last delivery; and what this run has led to."""
        self.deliver_all()
        self.watch.check_pages(self.now)
        self.seen.update(f"read {hand.kind}" for hand in self.post.read)
        for request in self.requests:
            self.seen[f"request {request.state}"] += 1
            self.seen["winner keeps some"] += bool(request.left) and request.holds(self.now)
            self.seen["winner keeps the past alone"] += request.lost

    def _notice_closings(self, now: datetime) -> None:
        self.watch.notice_closings(now)

    # ---- settings

    def switch_asking(self, clinic: Clinic, *, on: bool) -> None:
        clinic.asks = on
        self.say(f"{clinic.name} switches interpreter requests {'on' if clinic.asks else 'off'}")
        self.town.change_settings(clinic, self.now, dispatch_enabled=clinic.asks)

    def change_duration(self, clinic: Clinic, duration: timedelta) -> None:
        clinic.invites_last = duration
        self.say(f"{clinic.name}'s invites last {duration}")
        self.town.change_settings(clinic, self.now, invite_duration_seconds=round(duration.total_seconds()))

    def change_contact(self, clinic: Clinic, number: int) -> None:
        phone, dial_in = f"+1 555 01{number:02d}", f"+1 555 02{number:02d}"
        if (phone, dial_in) != (clinic.phone, clinic.dial_in):
            model.told_anew(clinic, self.now)
        clinic.phone, clinic.dial_in = phone, dial_in
        self.say(f"{clinic.name} has a new phone number and a new dial-in number, {phone}, {dial_in}")
        self.town.change_settings(clinic, self.now, contact_phone=phone, dial_in_number=dial_in)

    def rename_provider(self, clinic: Clinic, which: int, suffix: str) -> None:
        person = clinic.providers[which % len(clinic.providers)]
        name = person.name.split(" (")[0] + suffix
        self.town.rename(clinic, person, name, self.now)
        if name != person.name:
            model.told_anew(clinic, self.now, person)
        person.name = name
        self.say(f"a provider of {clinic.name} is now called {name}")

    def accredit(self, clinic: Clinic, company: Company) -> None:
        company.accredited = not company.accredited
        self.say(f"{clinic.name} {'accredits' if company.accredited else 'suspends'} {company.name}")
        self.town.accredit(clinic, company, accredited=company.accredited, now=self.now)

    def add_address(self, clinic: Clinic, company: Company) -> None:
        """A new address, or one that came back works again."""
        email = next(iter(sorted(company.refused)), "") or f"more{len(company.emails)}.{company.emails[0]}"
        self.say(f"{clinic.name} says of {company.name}: {email} works")
        again = [email] if email in company.emails else []
        emails = [*company.emails, email] if email not in company.emails else list(company.emails)
        self._notice_closings(self.now)
        model.reach_address(clinic, company, email, self.now)
        self.town.change_addresses(clinic, company, emails, self.now, works_again=again)
        self.town.pin_links(clinic)

    def change_members(self, clinic: Clinic, members: list[Company]) -> None:
        group = clinic.groups[0]
        group.members = members
        self.say(f"{clinic.name}'s group is {', '.join(company.name for company in members) or 'empty'}")
        self.town.change_members(clinic, group, members, self.now)

    # ---- strangers

    def try_other_clinic(self, visit: Visit) -> None:
        """The other clinic's people find nothing of this visit, and change nothing."""
        mine, other = visit.appointment.clinic, self.town.other(visit.appointment.clinic)
        self.say(f"{other.name} tries to cancel {name_of(visit)} of {mine.name}")
        scope = self.town.scope(other)
        assert visit_details(scope, visit.id, now=self.now) is None
        wanted = Wanted("cancel", visit, visit.version, Reach.ALL)
        self._refuse(lambda: self.town.preview_change(wanted, self.now, scope=scope))
        promise = ChangePromise("stolen", self.town.wish(wanted).digest(), ((visit.id, visit.version),), (), ())
        self._refuse(lambda: self.town.change_visit(wanted, promise, self.now, scope=scope))

    @staticmethod
    def _refuse(deed: Callable[[], object]) -> None:
        try:
            deed()
        except NotFoundError:
            return
        raise AssertionError("the other clinic may do that")


def name_of(visit: Visit) -> str:
    return f"{visit.id} of {visit.local:%a %d %b %H:%M}"


def _change_words(visit: Visit, form: Form | None) -> str:
    if form is None:
        return "no visit"
    before = wishes.form_of(visit)
    changed = [f"{name} {form[name]}" for name in form if form[name] != before[name]]
    return "; ".join(changed) or "nothing changed"


def blank_form(clinic: Clinic, now: datetime) -> Form:
    """A filled-in form without an interpreter, for today at noon."""
    return {
        "provider": clinic.providers[0],
        "day": now.astimezone(UTC).date(),
        "wall": time(12, 0),
        "minutes": 30,
        "kind": VisitType.VIDEO,
        "patient_contact": CONTACT,
        "language": "",
        "picks": frozenset(),
        "notes": "",
        "rule": None,
    }


def rules_from(form: Form) -> list[Rule | None]:
    """The rules on offer for a new visit: none, three days, three weeks, two days a week, until the day after next."""
    day = form["day"]
    weekday = day.weekday()
    return [
        None,
        Rule(count=3),
        Rule(weekdays=(weekday,), count=3),
        Rule(weekdays=tuple(sorted((weekday, (weekday + 2) % 7))), count=4),
        Rule(until=day + timedelta(days=2)),
    ]
