"""Inviting, changing and deactivating people; what an administrator can't do; two administrators at once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from shared.actions import (
    SaveOutcome,
    SaveResult,
    change_user,
    deactivate_user,
    invite_user,
    make_display,
    reactivate_user,
    send_password_link,
    set_password_by_link,
)
from shared.db import reading
from shared.errors import DomainError, NotFoundError
from shared.models import Invite, PasswordLink, RequestVisit, User, UserSession, Visit
from shared.queries import user_details, user_list
from shared.records import UserRecord, read_user, stamp_of
from shared.rules import Scope, UserState
from shared.states import MailKind, MailState, Role
from shared.tokens import LinkKind, VerifiedLink
from tests.actions.desk import snapshot
from tests.actions.people import admin, change, deactivate, user_of
from tests.faults.racing import racers
from tests.world import World

ANA = UserRecord("Dr. Ana Ruiz", "ana@demo.example", Role.PROVIDER)


def invite(world: World, wanted: UserRecord = ANA, *, by: Scope | None = None) -> SaveResult:
    with world.jobs.app_context():
        return invite_user(by or admin(world), wanted, now=world.now)


def is_in(world: World, role: Role, domain: str = "demo") -> bool:
    """Whether the only login of somebody is still open."""
    with world.jobs.app_context(), reading() as session:
        found = select(UserSession.ended_at).join(User, User.id == UserSession.user_id)
        return session.scalars(found.where(User.email == f"{role}@{domain}.example")).one() is None


def lines(world: World) -> list[tuple[str, int | None, list[str]]]:
    """The administrator's lines of the trail: what, about whom, which fields."""
    return [
        (entry.what, entry.about_id, entry.fields)
        for entry in world.trail()
        if entry.about_kind == "user" and entry.actor_user_id == world.clinic.users["admin"]
    ]


# ---- inviting


def test_somebody_invited_chooses_a_password_by_the_mailed_link_and_is_active(world_on_either: World) -> None:
    world = world_on_either
    result = invite(world)
    world.tick()

    assert result.outcome is SaveOutcome.SAVED
    [mail] = world.outbox()
    assert (mail.kind, mail.state, mail.recipient) == (MailKind.USER_INVITE, MailState.SENT, "ana@demo.example")
    assert world.subjects(to="ana@demo.example") == ["Your account is ready · Riverside Clinic"]
    with world.jobs.app_context(), reading() as session:
        public_id = session.scalars(select(PasswordLink.link_id)).one()
    with world.jobs.app_context():
        [ana] = [row for row in user_list(admin(world), now=world.now) if row.id == result.id]
        assert ana.state is UserState.INVITED
        set_password_by_link(
            VerifiedLink(LinkKind.PASSWORD, public_id), "quiet river under stone", now=world.now + timedelta(hours=71)
        )
        [ana] = [row for row in user_list(admin(world), now=world.now) if row.id == result.id]
    assert (ana.name, ana.email, ana.role, ana.state) == (*[ANA.name, ANA.email, ANA.role], UserState.ACTIVE)
    assert lines(world) == [("user_invited", result.id, [])]


def test_an_address_belongs_to_one_person_over_all_clinics(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    before = snapshot(world)

    own = invite(world, UserRecord("Somebody", "staff@demo.example", Role.STAFF))
    assert "Somebody has this address already." in own.errors["email"]
    theirs = invite(world, UserRecord("Somebody", "staff@harbor.example", Role.STAFF))
    assert theirs.errors == {"email": "This address can't be used. Use another address of this person."}

    assert snapshot(world) == before
    assert invite(world, ANA, by=harbor.scope(Role.ADMIN)).outcome is SaveOutcome.SAVED


def test_a_button_pressed_twice_invites_once_and_the_same_form_later_or_from_another_is_refused(
    world_on_either: World,
) -> None:
    world = world_on_either
    first = invite(world)
    before = snapshot(world)

    assert invite(world) == first
    assert "already" in invite(world, replace(ANA, name="Anna Ruiz")).errors["email"]
    other = Scope(world.clinic.id, world.add_user(Role.ADMIN, "Second"), Role.ADMIN)
    assert "already" in invite(world, by=other).errors["email"]
    world.pass_time(minutes=1)
    assert "already" in invite(world).errors["email"]
    assert snapshot(world)["mail"] == before["mail"]


def test_two_presses_at_once_make_one_person(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, 2) as group:
        results = group.race([partial(invite_user, admin(world), ANA, now=world.now)] * 2)

    assert [result.outcome for result in results] == [SaveOutcome.SAVED] * 2
    assert results[0].id == results[1].id
    assert len(world.outbox()) == 1


def test_two_clinics_that_invite_one_address_at_once_make_one_person(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    scopes = [admin(world), harbor.scope(Role.ADMIN)]

    with racers(world, 2) as group:
        results = group.race([partial(invite_user, scope, ANA, now=world.now) for scope in scopes])

    assert sorted(result.outcome for result in results) == [SaveOutcome.INVALID, SaveOutcome.SAVED]
    assert len(world.outbox()) == 1


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.SCHEDULER, Role.STAFF])
def test_nobody_but_an_administrator_does_any_of_this(world: World, role: Role) -> None:
    scope, staff = world.clinic.scope(role), world.clinic.users["staff"]
    before = snapshot(world)

    with world.jobs.app_context():
        for deed in (deactivate_user, reactivate_user, send_password_link):
            with pytest.raises(DomainError, match="Only an administrator"):
                deed(scope, staff, now=world.now)
    for refused in (lambda: invite(world, by=scope), lambda: change(world, staff, by=scope, name="Other")):
        with pytest.raises(DomainError, match="Only an administrator"):
            refused()
    assert snapshot(world) == before


def test_another_clinics_people_are_not_found(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = harbor.users["provider"]
    before = snapshot(world)

    with world.jobs.app_context():
        assert user_details(admin(world), theirs, now=world.now) is None
        assert not {row.id for row in user_list(admin(world), now=world.now)} & set(harbor.users.values())
        for deed in (deactivate_user, reactivate_user, send_password_link):
            with pytest.raises(NotFoundError):
                deed(admin(world), theirs, now=world.now)
    with pytest.raises(NotFoundError):
        change(world, theirs, name="Other")
    assert snapshot(world) == before


# ---- changing


def test_a_new_role_logs_the_person_out_at_once_and_a_new_name_does_not(world_on_either: World) -> None:
    world = world_on_either
    world.login(Role.STAFF)
    staff = world.clinic.users["staff"]

    assert change(world, staff, name="Sam Lindgren").outcome is SaveOutcome.SAVED
    assert is_in(world, Role.STAFF)
    assert change(world, staff, role=Role.SCHEDULER).outcome is SaveOutcome.SAVED
    assert not is_in(world, Role.STAFF)
    assert lines(world) == [("user_changed", staff, ["name"]), ("user_changed", staff, ["role"])]


def test_saving_what_is_so_already_changes_nothing(world: World) -> None:
    world.login(Role.STAFF)
    before = snapshot(world)

    assert change(world, world.clinic.users["staff"]).outcome is SaveOutcome.SAVED
    assert snapshot(world) == before


def test_of_two_who_change_the_same_person_the_second_is_told(world: World) -> None:
    staff = world.clinic.users["staff"]
    opened = stamp_of(read_user(user_of(world, staff)))
    change(world, staff, name="First")

    assert change(world, staff, stamp=opened, name="Second").outcome is SaveOutcome.CONFLICT
    assert user_of(world, staff).name == "First"
    assert change(world, staff, name="Second").outcome is SaveOutcome.SAVED


def test_a_provider_s_new_name_is_told_to_the_company_that_holds_a_visit_and_stands_in_open_offers(
    world_on_either: World,
) -> None:
    world = world_on_either
    held, open_still = world.book(ask=["Clearsign"]), world.book(ask=["Northlight"])
    world.accept(held, "Clearsign")
    world.tick()

    change(world, world.clinic.users["provider"], name="Dr. Ana Alvarez")

    assert [mail.recipient for mail in world.outbox(MailKind.UPDATED)] == ["dispatch@clearsign.example"]
    with world.jobs.app_context(), reading() as session:
        told = session.execute(select(RequestVisit.visit_id, RequestVisit.provider_name))
        names = {row.visit_id: row.provider_name for row in told}
        winner = session.scalars(select(Invite).where(Invite.answer.is_not(None))).one()
    assert names == {held: "Dr. Ana Alvarez", open_still: "Dr. Ana Alvarez"}
    assert winner.calendar_sequence == 1


def test_the_mistyped_address_of_somebody_invited_is_corrected_and_the_first_link_dies(world: World) -> None:
    ana = invite(world).id

    assert change(world, ana, email="ana.ruiz@demo.example").outcome is SaveOutcome.SAVED
    world.tick()

    assert world.subjects(to="ana@demo.example") == []
    assert len(world.subjects(to="ana.ruiz@demo.example")) == 1
    assert lines(world)[-1] == ("user_changed", ana, ["email"])
    assert "already" in change(world, ana, email="staff@demo.example").errors["email"]


def test_the_address_of_somebody_with_a_password_stays(world: World) -> None:
    with pytest.raises(DomainError, match="stays as it is"):
        change(world, world.clinic.users["staff"], email="other@demo.example")

    assert user_of(world, world.clinic.users["staff"]).email == "staff@demo.example"


# ---- the last administrator


def test_the_last_administrator_neither_leaves_nor_takes_another_role(world_on_either: World) -> None:
    world = world_on_either
    me = world.clinic.users["admin"]
    world.add_user(Role.ADMIN, "Left", active=False)
    invited = world.add_user(Role.ADMIN, "Invited")
    world.change(User, invited, password_hash=None)
    world.add_clinic("Harbor Family Health", domain="harbor")
    before = snapshot(world)

    with pytest.raises(DomainError, match="Nobody else can log in as an administrator"):
        deactivate(world, me)
    assert "Nobody else" in change(world, me, role=Role.SCHEDULER).errors["role"]
    assert snapshot(world) == before

    assert deactivate(world, invited).outcome is SaveOutcome.SAVED


def test_an_administrator_who_is_not_the_last_may_leave(world: World) -> None:
    world.add_user(Role.ADMIN, "Second")

    assert deactivate(world, world.clinic.users["admin"]).outcome is SaveOutcome.SAVED


@pytest.mark.parametrize("deed", ["demote", "deactivate"])
def test_two_administrators_who_oust_each_other_at_once_one_of_them_stays(world_on_either: World, deed: str) -> None:
    world = world_on_either
    first, second = world.clinic.users["admin"], world.add_user(Role.ADMIN, "Second")

    def oust(actor: int, other: int) -> str:
        seen = read_user(user_of(world, other))
        wanted = UserRecord(seen.name, seen.email, Role.SCHEDULER)
        scope = Scope(world.clinic.id, actor, Role.ADMIN)
        try:
            if deed == "demote":
                return change_user(scope, other, wanted, stamp=stamp_of(seen), now=world.now).outcome
            return deactivate_user(scope, other, now=world.now).outcome
        except DomainError as error:
            return error.sentence

    for _ in range(5):
        with racers(world, 2) as group:
            outcomes = group.race([lambda: oust(first, second), lambda: oust(second, first)])

        assert [outcome for outcome in outcomes if outcome != SaveOutcome.SAVED] == [
            "You are no longer an administrator of the clinic. Ask one to do this."
        ]
        people = [user_of(world, first), user_of(world, second)]
        assert [user.active and user.role is Role.ADMIN for user in people].count(True) == 1
        for user in people:
            world.change(User, user.id, active=True, role=Role.ADMIN)


def test_who_was_an_administrator_when_the_page_was_opened_is_refused_now(world: World) -> None:
    world.add_user(Role.ADMIN, "Second")
    world.change(User, world.clinic.users["admin"], role=Role.STAFF)

    with pytest.raises(DomainError, match="no longer an administrator"):
        deactivate(world, world.clinic.users["staff"])


def test_who_is_no_administrator_any_more_changes_nothing_else_of_the_clinic(world: World) -> None:
    admin = Scope(world.clinic.id, world.clinic.users["admin"], Role.ADMIN)
    world.change(User, admin.user_id, role=Role.STAFF)

    with world.portal.app_context(), pytest.raises(DomainError, match="no longer an administrator"):
        make_display(admin, "Front desk", "a-code", now=world.now)
    assert snapshot(world)["display"] == []


# ---- deactivating


def test_deactivating_ends_logins_and_links_and_reactivating_brings_the_account_back(world_on_either: World) -> None:
    world = world_on_either
    world.login(Role.STAFF)
    staff = world.clinic.users["staff"]
    with world.jobs.app_context():
        assert send_password_link(admin(world), staff, now=world.now)

    assert deactivate(world, staff).outcome is SaveOutcome.SAVED
    assert deactivate(world, staff).outcome is SaveOutcome.SAVED  # twice is harmless
    world.tick()

    assert not is_in(world, Role.STAFF)
    assert [mail.state for mail in world.outbox()] == [MailState.DROPPED]
    with world.jobs.app_context():
        with pytest.raises(DomainError, match="deactivated gets no link"):
            send_password_link(admin(world), staff, now=world.now)
        reactivate_user(admin(world), staff, now=world.now)
        reactivate_user(admin(world), staff, now=world.now)
    assert user_of(world, staff).active
    world.login(Role.STAFF)
    assert [what for what, _about, _fields in lines(world)] == [
        "password_asked", "user_deactivated", "user_reactivated",
    ]  # fmt: skip


def test_who_was_deactivated_before_choosing_a_password_is_invited_anew_on_return(world: World) -> None:
    ana = invite(world).id
    deactivate(world, ana)
    with world.jobs.app_context():
        reactivate_user(admin(world), ana, now=world.now)
    world.tick()

    assert [mail.state for mail in world.outbox(MailKind.USER_INVITE)] == [MailState.DROPPED, MailState.SENT]


# ---- the list


def test_a_mail_that_could_not_be_delivered_shows_until_another_is_sent(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies["ana@demo.example"] = "550 No such user"
    ana = invite(world).id
    world.tick()

    def row() -> tuple[UserState, bool]:
        with world.jobs.app_context():
            details = user_details(admin(world), ana, now=world.now)
        assert details is not None
        return details.row.state, details.row.undelivered

    assert row() == (UserState.INVITED, True)
    with world.jobs.app_context():
        assert send_password_link(admin(world), ana, now=world.now)
    assert row() == (UserState.INVITED, False)
    world.tick()
    assert row() == (UserState.INVITED, True)


def test_a_dead_mail_shows_too_and_an_invitation_that_grew_too_old(world: World) -> None:
    invite(world)
    world.post.close()
    world.pass_time(hours=73)

    with world.jobs.app_context():
        [ana] = [row for row in user_list(admin(world), now=world.now) if row.email == ANA.email]
    assert (ana.undelivered, ana.link_expired) == (False, True)


def test_sending_again_stops_at_three_within_an_hour(world_on_either: World) -> None:
    world = world_on_either
    ana = invite(world).id

    with world.jobs.app_context():
        sent = [send_password_link(admin(world), ana, now=world.now) for _ in range(4)]

    assert sent == [True, True, False, False]
    assert len(world.outbox()) == 3


def test_reactivating_and_new_addresses_stop_at_three_mails_within_an_hour_too(world_on_either: World) -> None:
    world = world_on_either
    ana = invite(world).id
    sent = []
    for _ in range(3):
        deactivate(world, ana)
        with world.jobs.app_context():
            sent.append(reactivate_user(admin(world), ana, now=world.now))
    world.tick()
    assert sent == [True, True, False]

    assert change(world, ana, email="ana.ruiz@demo.example").outcome is SaveOutcome.SAVED
    world.tick()

    assert world.subjects(to="ana.ruiz@demo.example") == []
    assert len(world.outbox()) == 3
    with world.jobs.app_context():
        [row] = [row for row in user_list(admin(world), now=world.now) if row.id == ana]
        assert row.link_expired
        world.pass_time(hours=1)
        assert send_password_link(admin(world), ana, now=world.now)


def test_the_list_counts_visits_to_come_and_puts_who_left_last(world: World) -> None:
    world.book()
    world.book(day=world.draft().day + timedelta(days=1))
    world.change(Visit, world.book(), status="cancelled")
    deactivate(
        world, world.clinic.users["admin"], by=Scope(world.clinic.id, world.add_user(Role.ADMIN, "Zoe"), Role.ADMIN)
    )

    with world.jobs.app_context():
        rows = user_list(admin(world), now=world.now)
    assert {row.role: row.visits_ahead for row in rows}[Role.PROVIDER] == 2
    assert [row.state for row in rows][-1] is UserState.DEACTIVATED
    assert [row.is_self for row in rows].count(True) == 1
