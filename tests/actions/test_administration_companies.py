"""Companies as an administrator changes them: accreditation, and a corrected address that gets what is open."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from shared.actions import (
    AnswerOutcome,
    SaveOutcome,
    accept_invite,
    accredit_company,
    add_company,
    change_company,
    change_settings,
)
from shared.actions._moves import lock_request
from shared.audit import AuditEvent
from shared.db import transaction
from shared.errors import DomainError, NotFoundError
from shared.queries import CompanyPage, company_page, invite_page, settings_page
from shared.records import CompanyRecord
from shared.rules import InviteCase
from shared.states import MailKind, MailState, RequestState, Role
from tests.actions.changing import cancel
from tests.actions.companies import GONE, NEW, OLD, accredit, admin, save, shown
from tests.actions.desk import address_of, mail_states, snapshot, state_of
from tests.faults.racing import PATIENCE, racers
from tests.world import ZONE, World


def trail(world: World) -> list[tuple[str, list[str]]]:
    """The lines about companies: what, and which fields."""
    return [(entry.what, entry.fields) for entry in world.trail() if entry.about_kind == "company"]


def recipients(world: World, kind: MailKind = MailKind.INVITE) -> list[str]:
    return [mail.recipient for mail in world.outbox(kind)]


def test_a_corrected_address_gets_the_invites_that_are_pending_and_its_link_answers(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[OLD] = GONE
    visits = [world.book(ask=["Clearsign", "Northlight"]) for _ in range(2)]
    world.tick()
    assert mail_states(world, MailKind.INVITE)[OLD] is MailState.BOUNCED

    assert save(world, addresses=(NEW,)).outcome is SaveOutcome.SAVED

    assert recipients(world).count(NEW) == 2
    world.tick()
    world.open_mail(to=NEW).press("Accept")
    assert {state_of(world, visit) for visit in visits} == {RequestState.ACCEPTED, RequestState.PENDING}
    assert trail(world) == [("company_changed", ["addresses"])]


def test_an_address_added_beside_another_gets_a_link_of_its_own_to_the_same_invite(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()

    save(world, addresses=(OLD, NEW))
    world.tick()

    assert len(world.invites_of(visit)) == 1
    assert world.link(visit, "Clearsign", email=NEW) != world.link(visit, "Clearsign", email=OLD)
    assert recipients(world) == [OLD, NEW]
    world.accept(visit, "Clearsign", email=NEW)
    world.tick()
    assert sorted(recipients(world, MailKind.CONFIRMATION)) == [OLD, NEW]


@pytest.mark.parametrize("why", ["declined", "filled", "expired"])
def test_a_new_address_gets_nothing_about_what_is_over(world_on_either: World, why: str) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    if why == "declined":
        world.decline(visit, "Clearsign")
    elif why == "filled":
        world.accept(visit, "Northlight")
    else:
        world.now = world.request_of(visit).deadline

    save(world, addresses=(OLD, NEW))

    assert NEW not in [mail.recipient for mail in world.outbox()]
    if why == "expired":
        assert state_of(world, visit) is RequestState.EXPIRED


def test_a_winners_new_address_gets_the_confirmation_and_later_news(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()

    save(world, addresses=(OLD, NEW))
    world.tick()

    assert sorted(recipients(world, MailKind.CONFIRMATION)) == [OLD, NEW]
    assert "/meet/" in world.open_mail(to=NEW).text


def test_a_winner_whose_visits_are_over_is_sent_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.pass_time(days=3)

    save(world, addresses=(NEW,))

    assert recipients(world, MailKind.CONFIRMATION) == [OLD]


def test_an_address_said_to_work_again_loses_its_mark_and_gets_what_bounced(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[OLD] = GONE
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    assert address_of(world, OLD).refused_at is not None
    world.post.replies.clear()

    save(world, phone="+1 555 0999")
    assert address_of(world, OLD).refused_at is not None
    save(world, again=(OLD,))
    world.tick()

    assert address_of(world, OLD).refused_at is None
    assert [mail.state for mail in world.outbox(MailKind.INVITE) if mail.recipient == OLD] == [
        MailState.BOUNCED,
        MailState.SENT,
    ]
    assert world.accept(visit, "Clearsign") is AnswerOutcome.TAKEN
    assert trail(world) == [("company_changed", ["phone"]), ("company_changed", ["addresses"])]


def test_an_address_that_works_again_gets_only_what_had_not_reached_it(world: World) -> None:
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    bounced = world.book(ask=["Clearsign", "Northlight"])
    world.post.replies[OLD] = GONE
    world.tick()
    world.post.replies.clear()

    save(world, again=(OLD,))

    queued = [mail for mail in world.outbox(MailKind.INVITE) if mail.state is MailState.QUEUED]
    assert [(mail.recipient, mail.request_id) for mail in queued] == [(OLD, world.request_of(bounced).id)]


def test_an_address_taken_out_and_typed_again_has_no_mark_and_its_old_link_back(world: World) -> None:
    world.post.replies[OLD] = GONE
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    link = world.link(visit, "Clearsign", email=OLD)
    world.post.replies.clear()

    save(world, addresses=(NEW,))
    save(world, addresses=(NEW, OLD))
    world.tick()

    assert address_of(world, OLD).refused_at is None
    assert world.link(visit, "Clearsign", email=OLD) == link
    assert len(world.mails(to=OLD)) == len(world.mails(to=NEW)) == 1


def test_an_invite_that_has_not_left_for_a_removed_address_stays_here(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])

    save(world, addresses=(NEW,))
    world.tick()

    assert mail_states(world, MailKind.INVITE) == {OLD: MailState.DROPPED, NEW: MailState.SENT}
    assert world.mails(to=OLD) == []
    assert state_of(world, visit) is RequestState.PENDING


def test_a_request_whose_last_way_to_anybody_was_removed_closes_and_the_clinic_is_told(world: World) -> None:
    company = world.add_company("Twofold", emails=["a@twofold.example", "b@twofold.example"])
    world.post.replies["a@twofold.example"] = GONE
    visit = world.book(ask=["Twofold"])
    queued = world.outbox(MailKind.INVITE)
    assert company
    assert len(queued) == 2
    world.post.replies["b@twofold.example"] = "451 try later"
    world.tick()

    save(world, "Twofold", addresses=("a@twofold.example",))

    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    assert recipients(world, MailKind.CLINIC_UNDELIVERABLE)


def test_other_capitals_are_stored_as_typed_and_make_no_new_address(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    link = world.link(visit, "Clearsign")

    assert save(world, addresses=("Dispatch@Clearsign.example",)).outcome is SaveOutcome.SAVED
    world.tick()

    with world.jobs.app_context():
        assert shown(world).record.addresses == ("Dispatch@Clearsign.example",)
    assert trail(world)[-1] == ("company_changed", ["addresses"])
    assert recipients(world) == ["dispatch@clearsign.example"]
    assert world.link(visit, "Clearsign", email="Dispatch@Clearsign.example") == link
    world.accept(visit, "Clearsign", email="Dispatch@Clearsign.example")
    assert recipients(world, MailKind.CONFIRMATION) == ["Dispatch@Clearsign.example"]


def test_an_address_in_other_capitals_is_still_forgotten_and_tried_again(world: World) -> None:
    world.post.replies[OLD] = GONE
    world.book(ask=["Clearsign"])
    waiting = world.book(ask=["Clearsign", "Lumen"])
    world.tick()
    assert address_of(world, "dispatch@clearsign.example").refused_at

    assert save(world, again=(OLD,), addresses=("DISPATCH@clearsign.example",)).outcome is SaveOutcome.SAVED
    assert address_of(world, "DISPATCH@clearsign.example").refused_at is None
    assert mail_states(world, MailKind.INVITE)["DISPATCH@clearsign.example"] is MailState.QUEUED
    assert save(world, addresses=("other@clearsign.example",)).outcome is SaveOutcome.SAVED

    states = {mail.state for mail in world.outbox(MailKind.INVITE) if mail.recipient == "DISPATCH@clearsign.example"}
    assert states == {MailState.DROPPED}
    assert state_of(world, waiting) is RequestState.PENDING


def test_capitals_that_an_invite_has_for_a_removed_address_are_no_obstacle(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    for addresses in (("DISPATCH@clearsign.example",), ("other@clearsign.example",), ("dispatch@clearsign.example",)):
        assert save(world, addresses=addresses).outcome is SaveOutcome.SAVED
    assert save(world, addresses=("DISPATCH@clearsign.example",)).outcome is SaveOutcome.SAVED

    with world.jobs.app_context():
        assert shown(world).record.addresses == ("DISPATCH@clearsign.example",)


def test_saving_twice_sends_nothing_twice(world: World) -> None:
    world.book(ask=["Clearsign"])
    save(world, addresses=(OLD, NEW))
    before = snapshot(world)

    save(world, addresses=(OLD, NEW))
    assert snapshot(world) == before

    save(world, addresses=(OLD, NEW.upper()))
    assert snapshot(world)["mail"] == before["mail"]


def test_another_clinics_requests_are_not_touched_by_an_address(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.book(ask=["Clearsign"], clinic=harbor)

    save(world, addresses=(OLD, NEW))

    assert NEW not in [mail.recipient for mail in world.outbox()]


def test_a_suspended_company_may_still_win_what_it_was_asked_and_keeps_what_it_won(world_on_either: World) -> None:
    world = world_on_either
    won, asked = world.book(ask=["Clearsign"]), world.book(ask=["Clearsign"])
    world.accept(won, "Clearsign")

    accredit(world, "Clearsign", accredited=False)
    accredit(world, "Clearsign", accredited=False)

    assert world.confirm(world.draft(ask=["Clearsign"])).visit_id is None
    group = world.book(ask=["ASL daytime"])
    assert world.clinic.companies["Clearsign"] not in [invite.company_id for invite in world.invites_of(group)]
    world.accept(asked, "Clearsign")
    assert (state_of(world, won), state_of(world, asked)) == (RequestState.ACCEPTED, RequestState.ACCEPTED)
    accredit(world, "Clearsign", accredited=True)
    assert world.book(ask=["Clearsign"])
    moves = [(entry.what, entry.from_state, entry.to_state) for entry in world.trail() if entry.about_kind]
    assert moves == [
        (AuditEvent.COMPANY_SUSPENDED, "accredited", "suspended"),
        (AuditEvent.COMPANY_ACCREDITED, "suspended", "accredited"),
    ]


def test_a_button_pressed_twice_adds_one_company_and_the_same_form_later_is_refused(world_on_either: World) -> None:
    world = world_on_either
    record = CompanyRecord("Habla", "+1 555 0170", ZONE, ("ase", "es"), ("b@habla.example", "a@habla.example"))
    add = partial(add_company, admin(world), record, accredited=True)
    with racers(world, 2) as group:
        first, second = group.race([partial(add, now=world.now)] * 2)

    assert first == second
    assert first.outcome is SaveOutcome.SAVED
    assert trail(world) == [("company_added", [])]
    with world.jobs.app_context():
        assert add_company(admin(world), record, accredited=False, now=world.now).errors
        assert add_company(admin(world), replace(record, phone="1"), accredited=True, now=world.now).errors
        world.pass_time(minutes=1)
        assert "Another company of the clinic has this name." in add(now=world.now).errors["name"]


def test_a_new_company_can_be_asked_at_once_unless_it_is_not_accredited_yet(world: World) -> None:
    record = CompanyRecord("Habla", "+1 555 0170", ZONE, ("ase", "es"), ("a@habla.example", "b@habla.example"))
    with world.jobs.app_context():
        first = add_company(admin(world), record, accredited=True, now=world.now)
        second = add_company(admin(world), replace(record, name="Later"), accredited=False, now=world.now)
    world.clinic.companies.update({"Habla": first.id, "Later": second.id})

    world.book(ask=["Habla"], language_tag="es")

    assert recipients(world) == ["a@habla.example", "b@habla.example"]
    assert world.confirm(world.draft(ask=["Later"])).visit_id is None
    assert trail(world) == [("company_added", [])] * 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "NORTHLIGHT"}, "name"),
        ({"addresses": ()}, "addresses"),
        ({"languages": ("ase", "fr")}, "languages"),
        ({"languages": ("es",)}, "languages"),  # its hunt group needs the other
    ],
)
def test_what_stands_against_a_company_is_said_and_nothing_is_saved(
    world: World, changes: dict[str, Any], field: str
) -> None:
    before = snapshot(world)

    result = save(world, **changes)

    assert (result.outcome, set(result.errors)) == (SaveOutcome.INVALID, {field})
    assert snapshot(world) == before


def test_the_same_name_at_another_clinic_is_no_hindrance(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    assert "Clearsign" in harbor.companies

    assert save(world, "Lumen", name="Harborsign").outcome is SaveOutcome.SAVED


def test_nobody_reaches_another_clinics_company(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    before = snapshot(world)
    with world.jobs.app_context():
        page = shown(world)
        theirs = harbor.companies["Lumen"]
        for deed in (
            lambda: change_company(admin(world), theirs, page.record, stamp=page.stamp, now=world.now),
            lambda: accredit_company(admin(world), theirs, accredited=False, now=world.now),
        ):
            with pytest.raises(NotFoundError):
                deed()
        assert company_page(admin(world), theirs, now=world.now) is None

    assert snapshot(world) == before


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.SCHEDULER, Role.STAFF])
def test_nobody_but_an_administrator_gets_past_the_action(world: World, role: Role) -> None:
    scope = world.clinic.scope(role)
    before = snapshot(world)
    with world.jobs.app_context():
        page = shown(world)
        for deed in (
            lambda: add_company(scope, replace(page.record, name="X"), accredited=True, now=world.now),
            lambda: change_company(scope, page.id, replace(page.record, name="X"), stamp=page.stamp, now=world.now),
            lambda: accredit_company(scope, page.id, accredited=False, now=world.now),
        ):
            with pytest.raises(DomainError):
                deed()

    assert snapshot(world) == before


def test_the_second_of_two_administrators_changes_nothing(world_on_either: World) -> None:
    world = world_on_either
    with world.jobs.app_context():
        opened = shown(world).stamp
    save(world, phone="+1 555 0999")
    before = snapshot(world)

    assert save(world, stamp=opened, addresses=(NEW,)).outcome is SaveOutcome.CONFLICT
    assert snapshot(world) == before


def test_a_correction_waits_for_whoever_holds_the_request(world_on_either: World) -> None:
    world = world_on_either
    request_id = world.request_of(world.book(ask=["Clearsign"])).id

    def correct() -> SaveOutcome:
        return save(world, addresses=(OLD, NEW)).outcome

    with racers(world, 1) as group:
        with world.jobs.app_context(), transaction() as session:
            lock_request(session, request_id)  # as an answer does
            running = group.start(correct)
            with pytest.raises(TimeoutError):
                running.result(0.5)
        assert running.result(PATIENCE) is SaveOutcome.SAVED


def test_a_corrected_address_and_an_acceptance_at_the_same_instant_lose_nothing(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, 3) as group:
        for round_number in range(4):
            new = f"desk-{round_number}@clearsign.example"
            visit = world.book(ask=["Clearsign", "Northlight"])
            links = [world.link(visit, name) for name in ("Clearsign", "Northlight")]
            with world.jobs.app_context():
                page = shown(world)
            wanted = replace(page.record, addresses=(*page.record.addresses, new))

            def correct(wanted: CompanyRecord = wanted, page: CompanyPage = page) -> object:
                return change_company(admin(world), page.id, wanted, stamp=page.stamp, now=world.now).outcome

            answers = [partial(accept_invite, link, responder="T. Boyle", now=world.now) for link in links]
            deeds: list[Callable[[], object]] = [correct, *answers]
            outcomes = group.race(deeds, gate=world.request_of(visit).id)

            assert outcomes[0] is SaveOutcome.SAVED
            assert sorted(map(str, outcomes[1:])) == ["refused", "taken"]
            request_id = world.request_of(visit).id
            told = {mail.kind for mail in world.outbox() if mail.recipient == new and mail.request_id == request_id}
            assert (MailKind.CONFIRMATION in told) == (outcomes[1] is AnswerOutcome.TAKEN), outcomes
            save(world, addresses=(OLD,))


def test_a_removed_address_learns_nothing_of_the_meeting_and_its_link_is_dead(world_on_either: World) -> None:
    world = world_on_either
    save(world, addresses=(OLD, NEW))
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    removed, kept = world.link(visit, "Clearsign", email=NEW), world.link(visit, "Clearsign", email=OLD)
    save(world, addresses=(OLD,))

    with world.jobs.app_context():
        assert accept_invite(removed, responder="A stranger", now=world.now) is AnswerOutcome.REFUSED
        page = invite_page(removed, now=world.now)
        assert page is not None
        assert page.case is InviteCase.WITHDRAWN
        assert accept_invite(kept, responder="T. Boyle", now=world.now) is AnswerOutcome.TAKEN
        page = invite_page(removed, now=world.now)
        assert page is not None
        assert (page.case, page.pin, page.guest_id) == (InviteCase.WITHDRAWN, "", "")
    world.tick()

    assert recipients(world, MailKind.CONFIRMATION) == [OLD]


def test_what_has_not_left_for_a_winners_removed_address_stays_here_and_it_is_told_of_the_end_only(
    world_on_either: World,
) -> None:
    world = world_on_either
    save(world, addresses=(OLD, NEW, "night@clearsign.example"))
    visit = world.book(ask=["Clearsign"])
    world.tick()
    assert world.accept(visit, "Clearsign", email=OLD) is AnswerOutcome.TAKEN
    save(world, addresses=(OLD, NEW))
    world.tick()
    assert sorted(str(mail.message["To"]) for mail in world.mails(to="night@clearsign.example")) == [
        "night@clearsign.example"  # the invite, which had left before
    ]
    save(world, addresses=(OLD,))

    with world.jobs.app_context():
        record = settings_page(admin(world), now=world.now)
        change_settings(
            admin(world), replace(record.record, dial_in_number="+1 555 0111"), stamp=record.stamp, now=world.now
        )
    world.tick()
    assert recipients(world, MailKind.UPDATED) == [OLD]

    cancel(world, visit)
    world.tick()
    assert sorted(recipients(world, MailKind.CANCELLATION)) == [OLD, NEW]
