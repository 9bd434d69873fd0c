"""The product's side: two clinics with their companies, the actions that people start, and the rows as they are."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import event, select, update

from shared.actions import (
    ConfirmResult,
    Preview,
    SaveOutcome,
    SaveResult,
    accredit_company,
    change_company,
    change_group,
    change_settings,
    change_user,
    confirm_visit,
)
from shared.actions.changes import ChangePromise, ChangeResult, change_visit
from shared.changes import ChangeKind, ChangePlan, Wish
from shared.db import db, reading, transaction
from shared.models import Clinic as ClinicRow
from shared.models import Company as CompanyRow
from shared.models import CompanyAddress, CompanyLanguage, HuntGroup, Invite, InviteAddress, Mail, User, Visit
from shared.models import Request as RequestRow
from shared.plan import VisitDraft, VisitPlan
from shared.queries import plan_visit
from shared.queries.changes import change_form, plan_of_change
from shared.records import GroupRecord, UserRecord, read_clinic, read_company, read_group, stamp_of
from shared.repeat import Repeat
from shared.rules import Scope
from shared.states import Frequency, MailState, RequestState, Role
from tests.machine.model import Appointment, Clinic, Company, Group, Person, Rule
from tests.machine.model import Visit as ModelVisit
from tests.machine.wishes import Form, Wanted
from tests.world import ClinicInWorld, World

PATIENT = "Zebulon Quickpatient"
CONTACT = "zebulon@quickpatient.example"
OTHER_CONTACT = "zeb@quickpatient.example"
REASON = "Zosterreason"
MARKERS = (PATIENT, "quickpatient", REASON)
"""What no mail to anybody may hold."""

_numbers = count(1)


class Town:
    """Two clinics nobody knows yet, in a database that may hold the clinics of earlier runs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._keys = count(1)
        number = next(_numbers)
        _forget_earlier_runs()
        self._rows: dict[int, ClinicInWorld] = {}
        self.clinics = [
            self._add_clinic("Riverside Clinic", f"river{number}", "America/Los_Angeles"),
            self._add_clinic("Hillside Clinic", f"hill{number}", "America/New_York"),
        ]

    # ---- who

    def scope(self, clinic: Clinic, role: Role = Role.SCHEDULER) -> Scope:
        return self._rows[clinic.id].scope(role)

    def other(self, clinic: Clinic) -> Clinic:
        return next(other for other in self.clinics if other is not clinic)

    # ---- visits

    def draft(self, form: Form) -> VisitDraft:
        return VisitDraft(
            patient_name=PATIENT,
            patient_contact=form["patient_contact"],
            provider_id=form["provider"].id,
            day=form["day"],
            wall=form["wall"],
            duration_minutes=form["minutes"],
            visit_type=form["kind"],
            reason=REASON,
            language_tag=form["language"],
            picks=tuple(sorted(form["picks"])),
            notes=form["notes"],
            repeat=_repeat(form["rule"]),
        )

    def preview_visit(self, clinic: Clinic, form: Form, now: datetime) -> tuple[Preview, VisitPlan]:
        draft = self.draft(form)
        plan = plan_visit(self.scope(clinic), draft, now=now)
        return Preview(self._key(), draft.digest(), plan.company_ids, plan.time_zone), plan

    def confirm_visit(self, clinic: Clinic, form: Form, preview: Preview, now: datetime) -> ConfirmResult:
        return confirm_visit(self.scope(clinic), self.draft(form), preview, now=now)

    def open_form(self, visit: ModelVisit, what: str, now: datetime) -> VisitDraft:
        """The product's form as it opens. Raises DomainError."""
        return change_form(self.scope(visit.appointment.clinic), visit.id, ChangeKind(what), now=now).draft

    def wish(self, wanted: Wanted) -> Wish:
        draft = self.draft(wanted.form) if wanted.form is not None else None
        return Wish(ChangeKind(wanted.what), wanted.visit.id, wanted.version, wanted.reach, draft)

    def preview_change(
        self, wanted: Wanted, now: datetime, *, scope: Scope | None = None
    ) -> tuple[ChangePromise, ChangePlan]:
        """Raises DomainError."""
        wish = self.wish(wanted)
        plan = plan_of_change(scope or self.scope(wanted.visit.appointment.clinic), wish, now=now)
        promise = ChangePromise(self._key(), wish.digest(), plan.versions, plan.asked, plan.winner_ids)
        return promise, plan

    def change_visit(
        self, wanted: Wanted, promise: ChangePromise, now: datetime, *, scope: Scope | None = None
    ) -> ChangeResult:
        """Raises DomainError."""
        who = scope or self.scope(wanted.visit.appointment.clinic)
        return change_visit(who, self.wish(wanted), promise, now=now)

    # ---- settings

    def change_settings(self, clinic: Clinic, now: datetime, **values: Any) -> None:
        with reading() as session:
            stored = read_clinic(session.get_one(ClinicRow, clinic.id))
        scope = self.scope(clinic, Role.ADMIN)
        _saved(change_settings(scope, replace(stored, **values), stamp=stamp_of(stored), now=now))

    def accredit(self, clinic: Clinic, company: Company, *, accredited: bool, now: datetime) -> None:
        accredit_company(self.scope(clinic, Role.ADMIN), company.id, accredited=accredited, now=now)

    def change_addresses(
        self, clinic: Clinic, company: Company, emails: list[str], now: datetime, *, works_again: Iterable[str] = ()
    ) -> None:
        with reading() as session:
            stored = read_company(session, session.get_one(CompanyRow, company.id))
        wanted = replace(stored, addresses=tuple(emails))
        scope, stamp, again = self.scope(clinic, Role.ADMIN), stamp_of(stored), tuple(works_again)
        _saved(change_company(scope, company.id, wanted, works_again=again, stamp=stamp, now=now))

    def change_members(self, clinic: Clinic, group: Group, members: list[Company], now: datetime) -> None:
        with reading() as session:
            stored = read_group(session, session.get_one(HuntGroup, group.id))
        wanted = GroupRecord(stored.name, tuple(company.id for company in members))
        _saved(change_group(self.scope(clinic, Role.ADMIN), group.id, wanted, stamp=stamp_of(stored), now=now))

    def rename(self, clinic: Clinic, person: Person, name: str, now: datetime) -> None:
        stored = UserRecord(person.name, person.email, Role.PROVIDER)
        scope = self.scope(clinic, Role.ADMIN)
        _saved(change_user(scope, person.id, replace(stored, name=name), stamp=stamp_of(stored), now=now))

    # ---- pins the product's ids on what the model has made

    def pin_ids(self, appointment: Appointment, base: int) -> None:
        """Give the model's new visits and requests the ids of the product's rows; they must be as many."""
        with reading() as session:
            number = session.get_one(Visit, base).appointment_id
            rows = session.execute(
                select(Visit.id, Visit.starts_at, Visit.request_id)
                .where(Visit.appointment_id == number)
                .order_by(Visit.id)
            ).all()
            known = {visit.id for visit in appointment.visits}
            fresh = sorted((row for row in rows if row.id not in known), key=lambda row: (row.starts_at, row.id))
            new = sorted((visit for visit in appointment.visits if not visit.id), key=lambda visit: visit.starts_at)
            assert [row.starts_at for row in fresh] == [visit.starts_at for visit in new], "other visits were made"
            for visit, row in zip(new, fresh, strict=True):
                visit.id = row.id
            request_ids = {row.id: row.request_id for row in rows}
            taken = {request.id for request in appointment.requests}
            for request in (request for request in appointment.requests if not request.id):
                ids = {request_ids[visit.id] for visit in request.told}
                assert len(ids) == 1, f"one request should ask about {len(request.told)} visits, not {len(ids)}"
                request.id = ids.pop() or 0
                assert request.id not in taken | {0}, "nobody is asked"
                taken.add(request.id)
                ticked = session.get_one(RequestRow, request.id).picks
                request.picks = frozenset(ticked or ())
                self._pin_invites(session, request)

    @staticmethod
    def _pin_invites(session: Any, request: Any) -> None:
        rows = session.execute(
            select(Invite.company_id, Invite.id, Invite.guest_id, InviteAddress.email, InviteAddress.link_id)
            .join(InviteAddress, InviteAddress.invite_id == Invite.id)
            .where(Invite.request_id == request.id)
        ).all()
        asked = {(company.id, email) for company, invite in request.invites.items() for email in invite.mails}
        assert {(row.company_id, row.email) for row in rows} == asked, "others are asked"
        for company, invite in request.invites.items():
            for row in rows:
                if row.company_id == company.id:
                    invite.id, invite.guest_id = row.id, row.guest_id
                    invite.links[row.email] = row.link_id

    def pin_links(self, clinic: Clinic) -> None:
        """The same for addresses that were added to invites."""
        with reading() as session:
            for request in clinic.requests:
                if any(set(invite.mails) - set(invite.links) for invite in request.invites.values()):
                    self._pin_invites(session, request)

    # ---- making it

    def _key(self) -> str:
        return f"machine-{self.clinics[0].id}-{next(self._keys)}"

    def _add_clinic(self, name: str, domain: str, zone: str) -> Clinic:
        made = self.world.add_clinic(name, domain=domain, zone=zone)
        self._rows[made.id] = made
        with transaction() as session:
            for language in ("Clearsign", "Lumen"):
                session.add(CompanyLanguage(company_id=made.companies[language], tag="es"))
            session.add(
                CompanyAddress(company_id=made.companies["Clearsign"], email=f"night@clearsign.{domain}.example")
            )
            colleague = User(
                clinic_id=made.id,
                email=f"colleague@{domain}.example",
                name=f"Colleague of {name}",
                role=Role.PROVIDER,
                created_at=self.world.now,
            )
            session.add(colleague)
            session.flush()
            provider = session.get_one(User, made.users["provider"])
            row = session.get_one(ClinicRow, made.id)
            people = [Person(user.name, user.email, user.id) for user in (provider, colleague)]
            return _clinic_of(made, row, people, domain)


def _clinic_of(made: ClinicInWorld, row: ClinicRow, people: list[Person], domain: str) -> Clinic:
    companies = []
    for name, company_id in made.companies.items():
        emails = [f"dispatch@{name.lower()}.{domain}.example"]
        if name == "Clearsign":
            emails.append(f"night@clearsign.{domain}.example")
        languages = {"ase", "es"} if name in {"Clearsign", "Lumen"} else {"ase"}
        companies.append(Company(name, languages, emails, id=company_id))
    group = Group("ASL daytime", "ase", companies[:3], id=made.groups["ASL daytime"])
    return Clinic(
        row.name, row.time_zone, row.contact_phone, row.dial_in_number, companies, [group], people, id=made.id
    )


def _repeat(rule: Rule | None) -> Repeat | None:
    if rule is None:
        return None
    frequency = Frequency.WEEKLY if rule.weekdays else Frequency.DAILY
    return Repeat(frequency, rule.weekdays, None, rule.until, rule.count)


def rule_of(repeat: Repeat | None) -> Rule | None:
    """The product's rule in the model's words."""
    return None if repeat is None else Rule(tuple(repeat.weekdays), repeat.count, repeat.until)


def _saved(result: SaveResult) -> None:
    assert result.outcome is SaveOutcome.SAVED, result


def _forget_earlier_runs() -> None:
    """What an earlier run left unsent would be picked up by this one's workers."""
    with transaction() as session:
        session.execute(update(Mail).where(Mail.state == MailState.QUEUED).values(state=MailState.DEAD))
        overdue = update(RequestRow).where(RequestRow.state == RequestState.PENDING)
        session.execute(overdue.values(state=RequestState.EXPIRED))


@contextmanager
def unhurried_disk() -> Iterator[None]:
    """The machine looks for wrong rows, not for lost ones: no commit has to wait for the disk."""
    engine = db.engine

    def relax(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    engine.dispose()
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", relax)
    yield
    if engine.dialect.name == "sqlite":
        event.remove(engine, "connect", relax)
