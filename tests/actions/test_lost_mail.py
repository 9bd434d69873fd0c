"""Mail that was refused or given up: the clinic sees it, and an administrator sends it again or reads why not."""

from datetime import timedelta

import pytest

from shared.actions import (
    deactivate_user,
    invite_user,
    remove_old_contacts,
    remove_old_logins,
    send_mail_again,
)
from shared.errors import DomainError, NotFoundError
from shared.lost_mail import CLOSED, COMES_BACK, LATER_MAIL, NEW_LINK, NO_LONGER_SO, OTHERS_HAVE_IT, OVER
from shared.models import Clinic, Mail
from shared.queries import LostMailRow, lost_mail_page, visit_details
from shared.records import UserRecord
from shared.rules import Scope
from shared.states import MailKind, MailState, RequestState, Role
from tests.actions.changing import cancel, edit
from tests.actions.companies import GONE, NEW, OLD, admin, save
from tests.actions.desk import PROVIDER, SCHEDULER, mail_states, state_of, wear_out
from tests.actions.test_administration_settings import save as save_settings
from tests.world import ClinicInWorld, World

LATE_NEWS = MailKind.CLINIC_CANCELLATION_BOUNCED


def listed(world: World, scope: Scope | None = None) -> list[LostMailRow]:
    with world.jobs.app_context():
        return list(lost_mail_page(scope or admin(world), 1, now=world.now).rows)


def again(world: World, mail_id: int, *, clinic: ClinicInWorld | None = None, role: Role = Role.ADMIN) -> None:
    with world.jobs.app_context():
        send_mail_again((clinic or world.clinic).scope(role), mail_id, now=world.now)


def why_not(world: World, mail_id: int) -> str:
    """What stands against sending it again: on the list, and to whoever presses the button all the same."""
    [row] = [row for row in listed(world) if row.mail.id == mail_id]
    with pytest.raises(DomainError) as error:
        again(world, mail_id)
    assert error.value.sentence == row.why_not
    return row.why_not


def why_not_on_list(world: World, mail_id: int) -> str:
    return next(row.why_not for row in listed(world) if row.mail.id == mail_id)


def row_of(world: World, kind: MailKind, recipient: str = OLD) -> Mail:
    """The newest mail of a kind to an address."""
    return [mail for mail in world.outbox(kind) if mail.recipient == recipient][-1]


def lost_cancellation(world: World) -> tuple[int, int]:
    """A visit that Clearsign had accepted and that was cancelled, which never reached it; and that mail's id."""
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.post.replies[OLD] = GONE
    cancel(world, visit)
    world.tick()
    return visit, row_of(world, MailKind.CANCELLATION).id


def test_a_cancellation_that_bounces_is_told_to_the_clinic_with_whom_to_call(world_on_either: World) -> None:
    world = world_on_either
    visit, _mail = lost_cancellation(world)
    world.tick()

    for reader in (PROVIDER, SCHEDULER):
        told = world.open_mail(to=reader)
        assert told.message["Subject"] == "Cancellation could not be delivered · Tue 24 Nov 2026 · A-10001"
        assert "Call Clearsign, +1 555 0170." in told.text
        assert f"/visits/{visit}" in told.text
    with world.jobs.app_context():
        details = visit_details(world.clinic.scope(), visit, now=world.now)
    assert details is not None
    assert [(mail.what, mail.recipient, mail.company_phone) for mail in details.lost_mail] == [
        ("Cancellation", OLD, "+1 555 0170")
    ]


@pytest.mark.parametrize(("days", "told"), [(2, []), (20, [PROVIDER, SCHEDULER])])
def test_a_cancellation_that_is_given_up_is_told_as_well_unless_the_visit_is_over_by_then(
    world: World, days: int, told: list[str]
) -> None:
    visit = world.book(ask=["Clearsign"], day=world.now.date() + timedelta(days=days))
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    cancel(world, visit)
    wear_out(world, OLD)

    assert row_of(world, MailKind.CANCELLATION).state is MailState.DEAD
    assert sorted(mail.recipient for mail in world.outbox(LATE_NEWS)) == told


def test_the_clinic_is_not_alarmed_while_another_address_of_the_company_knows(world: World) -> None:
    world.add_company("Handwave", emails=["one@handwave.example", "two@handwave.example"])
    visit = world.book(ask=["Handwave"])
    world.tick()
    world.accept(visit, "Handwave")
    world.tick()
    world.post.replies["one@handwave.example"] = GONE
    cancel(world, visit)
    world.tick()

    assert world.outbox(LATE_NEWS) == []


def test_news_of_a_lost_cancellation_is_dropped_once_it_has_arrived_after_all(world: World) -> None:
    world.post.replies |= {PROVIDER: "451 Later", SCHEDULER: "451 Later"}
    _visit, lost = lost_cancellation(world)
    world.tick()
    world.post.replies.clear()
    save(world, again=(OLD,))
    again(world, lost)
    world.tick()
    world.pass_time(minutes=5)
    world.tick()

    assert row_of(world, MailKind.CANCELLATION).state is MailState.SENT
    assert {mail.state for mail in world.outbox(LATE_NEWS)} == {MailState.DROPPED}


def test_the_list_says_what_to_whom_why_and_since_when_the_newest_first(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[OLD] = GONE
    visit = world.book(ask=["Clearsign"])
    world.tick()
    since = world.now
    world.pass_time(hours=1)
    world.change(Clinic, world.clinic.id, invite_duration_seconds=10 * 24 * 3600)
    world.book(ask=["Northlight"], day=world.now.date() + timedelta(days=30))
    wear_out(world, "dispatch@northlight.example")

    dead, bounced = listed(world)
    assert (dead.mail.company_name, dead.mail.refused, dead.mail.since) == ("Northlight", False, world.now)
    assert dead.mail.why == "Tried for 72 hours, and put off each time."
    assert (bounced.mail.what, bounced.mail.recipient, bounced.mail.since) == ("Request", OLD, since)
    assert (bounced.visit_id, bounced.reference) == (visit, "A-10001")
    assert bounced.mail.why == "The mail server does not take mail for this address."
    assert bounced.mail.said == "RCPT: 550 No such user"


def test_a_bounced_mail_goes_again_once_its_address_works_and_the_trail_says_who_sent_it(
    world_on_either: World,
) -> None:
    world = world_on_either
    _visit, lost = lost_cancellation(world)
    assert why_not(world, lost) == COMES_BACK

    world.post.replies.clear()
    save(world, again=(OLD,))
    again(world, lost)
    again(world, lost)  # the same press once more
    world.tick()

    assert mail_states(world, MailKind.CANCELLATION) == {OLD: MailState.SENT}
    assert [subject[:9] for subject in world.subjects(to=OLD)].count("Cancelled") == 1
    [line] = [line for line in world.trail() if line.what == "mail_sent_again"]
    assert line.actor_user_id == world.clinic.users["admin"]
    assert line.mail_id == row_of(world, MailKind.CANCELLATION).id
    assert why_not_on_list(world, lost) == LATER_MAIL


def test_a_bounced_cancellation_goes_to_the_corrected_address(world_on_either: World) -> None:
    world = world_on_either
    visit, lost = lost_cancellation(world)
    save(world, addresses=(NEW,))
    assert [row.to for row in listed(world) if row.mail.id == lost] == [(NEW,)]

    again(world, lost)
    world.tick()

    assert world.subjects(to=NEW) == ["Cancelled: ASL Interpreter · Tue 24 Nov 2026 · A-10001"]
    assert why_not_on_list(world, lost) == OTHERS_HAVE_IT
    with world.jobs.app_context():
        details = visit_details(world.clinic.scope(), visit, now=world.now)
    assert details is not None
    assert details.lost_mail == ()


def test_a_mail_that_fails_again_is_listed_again_and_told_again(world_on_either: World) -> None:
    world = world_on_either
    _visit, lost = lost_cancellation(world)
    save(world, again=(OLD,))
    again(world, lost)
    world.tick()

    assert [mail.state for mail in world.outbox(MailKind.CANCELLATION)] == [MailState.BOUNCED] * 2
    assert len(world.outbox(LATE_NEWS)) == 4
    assert why_not_on_list(world, lost) in {COMES_BACK, LATER_MAIL}
    save(world, again=(OLD,))
    again(world, row_of(world, MailKind.CANCELLATION).id)
    assert row_of(world, MailKind.CANCELLATION).state is MailState.QUEUED


def test_an_invite_goes_again_while_its_request_is_open_and_can_win(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[OLD] = "554 Looks like spam"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.post.replies.clear()
    again(world, row_of(world, MailKind.INVITE).id)
    world.tick()

    world.open_mail(to=OLD).press("Accept")
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_an_invite_of_a_closed_request_does_not_go_again(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[OLD] = "554 Looks like spam"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    lost = row_of(world, MailKind.INVITE).id
    world.accept(visit, "Northlight")

    assert why_not(world, lost) == CLOSED
    assert len(world.outbox(MailKind.INVITE)) == 2


def test_what_has_become_pointless_says_so(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.post.replies |= {OLD: "554 No", PROVIDER: "554 No"}
    world.accept(visit, "Clearsign")
    world.tick()
    confirmation, news = row_of(world, MailKind.CONFIRMATION).id, row_of(world, MailKind.CLINIC_ACCEPTED, PROVIDER).id
    edit(world, visit, wall=world.draft().wall.replace(hour=15))

    assert why_not(world, confirmation) == NO_LONGER_SO
    assert why_not(world, news) == NO_LONGER_SO
    world.pass_time(days=3)
    assert why_not(world, confirmation) == OVER


def test_news_of_a_change_goes_again_as_a_confirmation_that_says_how_things_are(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.post.replies[OLD] = "554 No"
    save_settings(world, contact_phone="+1 555 0999")
    world.tick()
    world.post.replies.clear()
    again(world, row_of(world, MailKind.UPDATED).id)
    world.tick()

    assert world.subjects(to=OLD)[-1].startswith("Confirmed")
    assert "+1 555 0999" in world.open_mail(to=OLD).text


def test_news_to_somebody_who_has_left_goes_to_who_is_told_today(world: World) -> None:
    world.post.replies |= {PROVIDER: "554 No", SCHEDULER: "554 No"}
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    with world.jobs.app_context():
        deactivate_user(admin(world), world.clinic.users["scheduler"], now=world.now)
    world.post.replies.clear()
    lost = row_of(world, MailKind.CLINIC_ACCEPTED, SCHEDULER).id
    assert [row.to for row in listed(world) if row.mail.id == lost] == [(PROVIDER,)]

    again(world, lost)
    world.tick()

    assert len(world.subjects(to=PROVIDER)) == 1
    assert world.subjects(to=SCHEDULER) == []
    assert why_not_on_list(world, lost) == OTHERS_HAVE_IT


def test_a_password_link_goes_again_only_while_it_works(world: World) -> None:
    world.post.replies["new@demo.example"] = "554 No"
    with world.jobs.app_context():
        invite_user(admin(world), UserRecord("New", "new@demo.example", Role.STAFF), now=world.now)
    world.tick()
    world.post.replies.clear()
    lost = row_of(world, MailKind.USER_INVITE, "new@demo.example").id
    assert [row.user_name for row in listed(world)] == ["New"]

    again(world, lost)
    world.tick()
    assert len(world.subjects(to="new@demo.example")) == 1
    world.pass_time(hours=73)
    assert why_not_on_list(world, lost) == NEW_LINK


def test_what_was_kept_long_enough_stays_on_the_list_without_its_address_and_does_not_go_again(
    world_on_either: World,
) -> None:
    world = world_on_either
    _visit, cancelled = lost_cancellation(world)
    world.post.replies["new@demo.example"] = "554 No"
    with world.jobs.app_context():
        invite_user(admin(world), UserRecord("New", "new@demo.example", Role.STAFF), now=world.now)
    world.tick()
    invited = row_of(world, MailKind.USER_INVITE, "new@demo.example").id
    world.pass_time(days=731)
    kept = timedelta(days=30)
    with world.jobs.app_context():
        assert remove_old_contacts(world.clinic.id, limit=10, now=world.now)
        assert remove_old_logins(keep=kept, longest_login=kept, limit=100, now=world.now)

    assert {row.mail.recipient + row.mail.said for row in listed(world)} == {""}
    assert (why_not(world, cancelled), why_not(world, invited)) == (OVER, NEW_LINK)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
def test_nobody_but_an_admin_of_the_clinic_sends_anything_again(world: World, role: Role) -> None:
    _visit, lost = lost_cancellation(world)
    save(world, again=(OLD,))
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")

    with pytest.raises(DomainError, match="Only an administrator"):
        again(world, lost, role=role)
    with pytest.raises(NotFoundError):
        again(world, lost, clinic=harbor)
    assert listed(world, harbor.scope(Role.ADMIN)) == []
    assert len(world.outbox(MailKind.CANCELLATION)) == 1


def test_what_was_delivered_is_not_on_the_list_and_can_not_be_sent_again(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()

    assert listed(world) == []
    with pytest.raises(NotFoundError):
        again(world, world.outbox()[0].id)
