"""Confirm: what a preview promised is made once and whole, or not at all."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from shared.actions import ConfirmOutcome, ConfirmResult, Preview, confirm_visit
from shared.errors import DomainError
from shared.models import Appointment, Clinic, Company, CompanyAddress, HuntGroupMember, User
from shared.plan import VisitDraft
from shared.queries import interpreter_choices, plan_visit
from shared.states import MailKind, MailState, Role
from tests.actions.desk import address_of, snapshot
from tests.rules.answer_table import MILLISECOND
from tests.world import START, TOMORROW, ClinicInWorld, World

NINE_THIRTY = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)


def preview_of(world: World, draft: VisitDraft, key: str = "key") -> Preview:
    with world.jobs.app_context():
        return Preview(key, draft.digest(), plan_visit(world.clinic.scope(), draft, now=world.now).company_ids)


def confirm(
    world: World, draft: VisitDraft, preview: Preview, *, by: Role = Role.SCHEDULER, clinic: ClinicInWorld | None = None
) -> ConfirmResult:
    with world.jobs.app_context():
        return confirm_visit((clinic or world.clinic).scope(by), draft, preview, now=world.now)


def errors_of(world: World, draft: VisitDraft) -> dict[str, str]:
    """What Confirm has against the draft; it must then have made nothing."""
    rows = snapshot(world)
    result = confirm(world, draft, preview_of(world, draft))
    assert result.outcome is ConfirmOutcome.INVALID
    assert snapshot(world) == rows
    assert result.plan is not None
    return result.plan.errors


def test_confirm_makes_visit_request_invites_and_mails_together(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"], notes="Side door")

    request = world.request_of(visit)
    assert request.deadline == NINE_THIRTY  # the start comes before the 24 hours are over
    assert (request.language_short_name, request.notes) == ("ASL", "Side door")
    assert len(world.invites_of(visit)) == 2
    mails = [(mail.recipient, mail.kind, mail.state, mail.attempts) for mail in world.outbox()]
    assert mails == [
        (f"dispatch@{name}.example", MailKind.INVITE, MailState.QUEUED, 0) for name in ("clearsign", "northlight")
    ]


def test_the_clinics_invite_duration_counts_from_confirm(world_on_either: World) -> None:
    world = world_on_either
    world.change(Clinic, world.clinic.id, invite_duration_seconds=3600)
    visit = world.book(ask=["Clearsign"])
    assert world.request_of(visit).deadline == START + timedelta(hours=1)

    world.change(Clinic, world.clinic.id, invite_duration_seconds=60)
    assert world.request_of(visit).deadline == START + timedelta(hours=1)


def test_a_visit_without_an_interpreter_asks_nobody(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book()

    assert world.outbox() == []
    assert world.badge(visit) == "No interpreter asked"


def test_confirming_twice_shows_the_visit_of_the_first_time(world_on_either: World) -> None:
    world = world_on_either
    draft = world.draft(ask=["Clearsign"])
    preview = preview_of(world, draft)
    first = confirm(world, draft, preview)
    rows = snapshot(world)

    world.pass_time(days=2)  # a page left open: its start has passed meanwhile, the visit exists all the same
    again = confirm(world, draft, preview)

    assert first.outcome is ConfirmOutcome.CREATED
    assert again == ConfirmResult(ConfirmOutcome.ALREADY_MADE, visit_id=first.visit_id)
    assert snapshot(world) == rows


def test_a_preview_confirms_only_what_it_showed(world_on_either: World) -> None:
    world = world_on_either
    draft, other = world.draft(ask=["Clearsign"]), world.draft(ask=["Clearsign"], reason="Something else")
    preview = preview_of(world, draft)
    rows = snapshot(world)
    assert confirm(world, other, preview).outcome is ConfirmOutcome.CONTENT_CHANGED
    assert snapshot(world) == rows

    confirm(world, draft, preview)
    rows = snapshot(world)
    assert confirm(world, other, preview).outcome is ConfirmOutcome.CONTENT_CHANGED
    assert confirm(world, other, preview_of(world, other)).outcome is ConfirmOutcome.CONTENT_CHANGED
    assert snapshot(world) == rows


def test_the_key_of_another_user_or_another_clinic_shows_nothing_of_its_visit(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Clinic", domain="harbor")
    draft = world.draft()
    preview = preview_of(world, draft)
    confirm(world, draft, preview)
    rows = snapshot(world)

    for result in (
        confirm(world, draft, preview, by=Role.ADMIN),
        confirm(world, draft, preview, clinic=harbor),
    ):
        assert result == ConfirmResult(ConfirmOutcome.CONTENT_CHANGED)
    assert snapshot(world) == rows


def test_when_a_group_changed_since_the_preview_it_previews_again(world_on_either: World) -> None:
    world = world_on_either
    draft = world.draft(ask=["ASL daytime"])
    preview = preview_of(world, draft)
    key = (world.clinic.groups["ASL daytime"], world.clinic.companies["Northlight"])
    with world.jobs.app_context():
        world.change(Company, world.clinic.companies["Bridgeway"], accredited=False)
    rows = snapshot(world)

    result = confirm(world, draft, preview)

    assert result.outcome is ConfirmOutcome.PREVIEW_AGAIN
    assert result.plan is not None
    assert [company.name for company in result.plan.companies] == ["Clearsign", "Northlight"]
    assert snapshot(world) == rows
    world.change(HuntGroupMember, key, position=9)  # another order alone is no other promise
    again = confirm(world, draft, preview_of(world, draft))
    assert again.outcome is ConfirmOutcome.CREATED


def test_an_address_that_was_refused_since_the_preview_takes_its_company_out_of_the_group(
    world_on_either: World,
) -> None:
    world = world_on_either
    draft = world.draft(ask=["ASL daytime"])
    preview = preview_of(world, draft)
    world.change(CompanyAddress, address_of(world, "dispatch@clearsign.example").id, refused_at=world.now)

    assert confirm(world, draft, preview).outcome is ConfirmOutcome.PREVIEW_AGAIN


def test_a_start_that_passed_between_preview_and_confirm_is_an_error(world_on_either: World) -> None:
    world = world_on_either
    draft = world.draft(ask=["Clearsign"])
    world.now = NINE_THIRTY - MILLISECOND
    in_time = world.draft(ask=["Clearsign"], reason="In time")
    assert confirm(world, in_time, preview_of(world, in_time, "in-time")).outcome is ConfirmOutcome.CREATED

    world.now = NINE_THIRTY
    assert errors_of(world, draft) == {"start_time": "That time has passed in Los Angeles. Choose a later one."}


def test_a_time_that_daylight_saving_skips_is_an_error_and_one_that_comes_twice_is_said(world: World) -> None:
    skipped = world.draft(day=date(2027, 3, 14), wall=time(2, 30))
    twice = world.draft(day=date(2027, 11, 7), wall=time(1, 30))

    assert "jumps over" in errors_of(world, skipped)["start_time"]
    result = world.confirm(twice)
    assert result.outcome is ConfirmOutcome.CREATED
    with world.jobs.app_context():
        plan = plan_visit(world.clinic.scope(), twice, now=world.now)
    assert plan.starts_at == datetime(2027, 11, 7, 8, 30, tzinfo=UTC)
    assert "takes the first, PDT (UTC−7)" in plan.notices[0]


def test_a_suspended_company_can_not_be_asked(world_on_either: World) -> None:
    world = world_on_either
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)

    errors = errors_of(world, world.draft(ask=["Clearsign", "Northlight"]))
    assert errors == {"interpreter": "Clearsign is suspended and can't be asked. Choose another."}


def test_a_company_of_another_language_can_not_be_asked(world: World) -> None:
    world.add_company("Palabra", languages=["es"])
    assert errors_of(world, world.draft(ask=["Palabra"])) == {
        "interpreter": "Palabra does not interpret American Sign Language. Choose another."
    }


def test_a_group_of_nobody_or_of_suspended_companies_only_can_not_be_asked(world: World) -> None:
    for company in ("Clearsign", "Northlight", "Bridgeway"):
        world.change(Company, world.clinic.companies[company], accredited=False)

    errors = errors_of(world, world.draft(ask=["ASL daytime"]))
    assert errors == {"interpreter": "ASL daytime: No company of this group can be asked now."}


def test_a_company_without_a_working_address_is_greyed_and_can_not_be_asked(world: World) -> None:
    world.change(CompanyAddress, address_of(world, "dispatch@clearsign.example").id, refused_at=world.now)

    with world.jobs.app_context():
        choices = {choice.label: choice for choice in interpreter_choices(world.clinic.scope(), "ase").choices}
    assert choices["Clearsign"].why_not == "No working mail address. Call +1 555 0170."
    assert "Clearsign" not in choices["ASL daytime"].detail
    assert "Clearsign" in errors_of(world, world.draft(ask=["Clearsign"]))["interpreter"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"picks": ()}, "interpreter"),
        ({"language_tag": ""}, "language"),
        ({"language_tag": "tlh"}, "language"),
        ({"language_tag": "", "picks": (), "notes": "Side door"}, "language"),
        (
            {"picks": ("company:", "company:x", "company:-1", f"company:{10**40}", "company:²", "rubbish")},
            "interpreter",
        ),
        ({"provider_id": 10**9}, "provider"),
    ],
)
def test_half_an_interpreter_request_or_rubbish_is_an_error_at_its_field(
    world: World, changes: dict[str, Any], field: str
) -> None:
    draft = replace(world.draft(ask=["Clearsign"]), **changes)
    assert set(errors_of(world, draft)) == {field}


def test_nothing_of_another_clinic_is_offered(world: World) -> None:
    harbor = world.add_clinic("Harbor Clinic", domain="harbor")
    with world.jobs.app_context():
        offered = [
            {choice.value for choice in interpreter_choices(clinic.scope(), "ase").choices}
            for clinic in (world.clinic, harbor)
        ]

    assert [len(choices) for choices in offered] == [5, 5]
    assert not offered[0] & offered[1]


def test_nothing_of_another_clinic_can_be_used(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Clinic", domain="harbor")
    theirs = {
        "interpreter": world.draft(language_tag="ase", picks=(f"company:{harbor.companies['Clearsign']}",)),
        "provider": world.draft(provider_id=harbor.users[Role.PROVIDER]),
    }
    group = world.draft(language_tag="ase", picks=(f"group:{harbor.groups['ASL daytime']}",))

    for field, draft in [*theirs.items(), ("interpreter", group)]:
        errors = errors_of(world, draft)
        assert set(errors) == {field}
        assert "Harbor" not in errors[field]
        assert "Clearsign" not in errors[field]


@pytest.mark.parametrize("role", [Role.SCHEDULER, Role.STAFF, Role.ADMIN])
def test_only_a_provider_can_be_the_provider(world: World, role: Role) -> None:
    assert set(errors_of(world, world.draft(provider_id=world.clinic.users[role]))) == {"provider"}


def test_a_provider_books_own_visits_only(world: World) -> None:
    with world.jobs.app_context():
        plan = plan_visit(
            world.clinic.scope(Role.PROVIDER), world.draft(provider_id=world.clinic.users["admin"]), now=world.now
        )
    assert set(plan.errors) == {"provider"}


def test_an_inactive_provider_is_not_booked(world: World) -> None:
    world.change(User, world.clinic.users[Role.PROVIDER], active=False)
    assert set(errors_of(world, world.draft())) == {"provider"}


def test_with_dispatch_switched_off_nobody_is_asked(world_on_either: World) -> None:
    world = world_on_either
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    assert "switched off" in errors_of(world, world.draft(ask=["Clearsign"]))["language"]
    assert world.book()


def test_a_provider_in_two_places_is_a_warning(world: World) -> None:
    world.book()
    draft = world.draft(wall=time(10, 0))
    with world.jobs.app_context():
        plan = plan_visit(world.clinic.scope(), draft, now=world.now)
        touching = plan_visit(world.clinic.scope(), world.draft(wall=time(10, 15)), now=world.now)

    assert "already has a visit at that time: 09:30–10:15 PST (UTC−8)" in plan.notices[0]
    assert touching.notices == ()
    assert world.confirm(draft).outcome is ConfirmOutcome.CREATED


def test_appointments_are_counted_by_each_clinic_without_gaps(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Clinic", domain="harbor")
    numbers: list[tuple[bool, object]] = []
    for clinic in (world.clinic, harbor, world.clinic, world.clinic, harbor):
        world.book(clinic=clinic, day=TOMORROW + timedelta(days=len(numbers)))
        errors_of(world, world.draft(day=TOMORROW - timedelta(days=1)))  # a refused one takes no number
        numbers.append([(row[1] == world.clinic.id, row[2]) for row in snapshot(world)["appointment"]][-1])

    assert numbers == [(True, 10001), (False, 10001), (True, 10002), (True, 10003), (False, 10002)]


def test_rooms_and_pins_are_unlike_each_other(world: World) -> None:
    for _ in range(5):
        world.book()
    with world.jobs.app_context():
        columns = [column.name for column in Appointment.__table__.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in snapshot(world)["appointment"]]

    assert len({row["room"] for row in rows}) == len({row["pin"] for row in rows}) == 5
    assert all(re.fullmatch("[1-9][0-9]{8}", str(row["pin"])) for row in rows)


def test_somebody_who_may_only_look_can_not_confirm_even_past_the_portals_door(world: World) -> None:
    draft = world.draft(ask=["Clearsign"])
    preview = Preview("key-of-staff", draft.digest(), (world.clinic.companies["Clearsign"],))

    with world.jobs.app_context(), pytest.raises(DomainError, match="can look at visits"):
        confirm_visit(world.clinic.scope(Role.STAFF), draft, preview, now=world.now)

    assert world.outbox() == []
