"""What companies do with their links, by their pages and by the actions behind them."""

from datetime import timedelta

import pytest

from shared.actions import AnswerOutcome, accept_invite, give_decline_reason
from shared.errors import NotFoundError
from shared.models import Invite, Request
from shared.states import Answer, MailKind, RequestState
from shared.tokens import LinkKind, VerifiedLink
from tests.actions.desk import path_of, press, snapshot, state_of, tokens_of
from tests.rules.answer_table import CELLS, MILLISECOND, answer_of
from tests.world import World

STATUS = {"2": 410, "3": 200, "4": 409, "5": 410, "6": 200, "7": 200}
"""Each row of the table, and what it answers."""

LOOKING = ("invite_opening",)
"""All that a look at a page may write."""


@pytest.mark.parametrize("moment", [-MILLISECOND, timedelta(), MILLISECOND], ids=["before", "at", "after"])
def test_every_row_of_the_table_has_its_status_for_a_look_and_refuses_what_is_no_longer_open(
    world_on_either: World, moment: timedelta
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    link, invite = world.link(visit, "Clearsign"), world.invites_of(visit)[0]
    world.now = world.request_of(visit).deadline + moment
    for state, answer, before, after in CELLS:
        row = before if moment < timedelta() else after
        world.change(Request, invite.request_id, state=RequestState(state))
        world.change(Invite, invite.id, answer=answer_of(answer))
        rows = snapshot(world, without=LOOKING)
        tried = (state, answer)
        for word in ("accept", "decline"):
            assert world.vendor.get(path_of(world, link, word)).status_code == STATUS[row], tried
            assert world.vendor.head(path_of(world, link, word)).status_code == STATUS[row], tried
            if row != "7":
                assert press(world, link, word).status_code == STATUS[row], tried
        assert snapshot(world, without=LOOKING) == rows, tried


def test_accept_and_decline_lead_to_their_rows(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])

    assert press(world, world.link(visit, "Northlight"), "decline").status_code == 303
    assert press(world, world.link(visit, "Clearsign"), "accept").status_code == 303

    answers = {invite.company_id: (invite.answer, invite.responder) for invite in world.invites_of(visit)}
    assert answers == {
        world.clinic.companies["Clearsign"]: (Answer.ACCEPTED, "T. Boyle"),
        world.clinic.companies["Northlight"]: (Answer.DECLINED, "T. Boyle"),
    }
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_a_mail_scanner_may_open_both_links_in_any_order_and_changes_nothing(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    link = world.link(visit, "Clearsign")
    rows = snapshot(world, without=LOOKING)

    for word in ("decline", "accept", "accept", "decline"):
        world.vendor.get(path_of(world, link, word))
        world.vendor.head(path_of(world, link, word))
        world.vendor.options(path_of(world, link, word))
        world.vendor.post(path_of(world, link, word))  # without the form: a robot's try

    assert snapshot(world, without=LOOKING) == rows


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(seconds=1.5) - MILLISECOND, 422),
        (timedelta(seconds=1.5), 303),
        (timedelta(hours=24), 303),
        (timedelta(hours=24) + MILLISECOND, 422),
    ],
)
def test_a_page_answers_only_while_its_nonce_is_fresh(world: World, age: timedelta, status: int) -> None:
    visit = world.book(ask=["Clearsign"])
    rows = snapshot(world)

    assert press(world, world.link(visit, "Clearsign"), "accept", age=age).status_code == status
    assert (snapshot(world) == rows) == (status == 422)


def test_the_nonce_of_another_link_answers_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    mine, other = world.link(visit, "Clearsign"), world.link(visit, "Northlight")
    nonce = tokens_of(world).nonce(other, now=world.now - timedelta(seconds=3))

    form = {"responder": "T. Boyle", "answer": "accept", "nonce": nonce}
    assert world.vendor.post(path_of(world, mine, "accept"), data=form).status_code == 422
    assert state_of(world, visit) is RequestState.PENDING


@pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * 121])
def test_without_a_readable_name_nothing_is_answered(world: World, name: str) -> None:
    visit = world.book(ask=["Clearsign"])

    assert press(world, world.link(visit, "Clearsign"), "decline", name=name).status_code == 422
    assert state_of(world, visit) is RequestState.PENDING


def test_a_link_with_a_wrong_signature_leads_nowhere_and_names_no_clinic(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    path = path_of(world, world.link(visit, "Clearsign"), "accept")
    forged = path.replace(".", ".A")

    for answer in (world.vendor.get(forged), world.vendor.post(forged)):
        assert answer.status_code == 410
        assert "Riverside" not in answer.text


def test_repeating_an_answer_changes_nothing_and_mails_nothing(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    assert world.decline(visit, "Northlight") is AnswerOutcome.TAKEN
    assert world.accept(visit, "Clearsign") is AnswerOutcome.TAKEN
    world.tick()
    rows, received = snapshot(world), len(world.post.received)

    world.pass_time(minutes=5)
    assert world.accept(visit, "Clearsign", name="Somebody else") is AnswerOutcome.REPEATED
    assert world.decline(visit, "Clearsign") is AnswerOutcome.REFUSED
    assert world.accept(visit, "Northlight") is AnswerOutcome.REFUSED
    assert world.decline(visit, "Northlight") is AnswerOutcome.REFUSED

    assert snapshot(world) == rows
    world.tick()
    assert len(world.post.received) == received


def test_declining_twice_is_one_decline_and_can_not_be_taken_back(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    assert world.decline(visit, "Clearsign") is AnswerOutcome.TAKEN
    rows = snapshot(world)

    assert world.decline(visit, "Clearsign", name="Again") is AnswerOutcome.REPEATED
    assert world.accept(visit, "Clearsign") is AnswerOutcome.REFUSED

    assert snapshot(world) == rows


def test_of_two_colleagues_the_first_answer_counts_and_the_second_sees_it(world_on_either: World) -> None:
    world = world_on_either
    world.add_company("Handwave", emails=["one@handwave.example", "two@handwave.example"])
    visit = world.book(ask=["Handwave", "Northlight"])

    assert world.accept(visit, "Handwave", email="two@handwave.example", name="Ada") is AnswerOutcome.TAKEN
    assert world.decline(visit, "Handwave", email="one@handwave.example", name="Ben") is AnswerOutcome.REFUSED
    assert world.accept(visit, "Handwave", email="one@handwave.example", name="Ben") is AnswerOutcome.REPEATED

    invite = world.invites_of(visit)[0]
    assert (invite.answer, invite.responder) == (Answer.ACCEPTED, "Ada")
    second = world.vendor.get(path_of(world, world.link(visit, "Handwave", email="one@handwave.example"), "decline"))
    assert second.status_code == 200


def test_a_company_with_two_addresses_gets_two_links_to_one_invite_and_two_confirmations(
    world_on_either: World,
) -> None:
    world = world_on_either
    addresses = ["one@handwave.example", "two@handwave.example"]
    world.add_company("Handwave", emails=addresses)
    visit = world.book(ask=["Handwave"])
    world.tick()
    assert len(world.invites_of(visit)) == 1
    links = [world.open_mail(to=email).link("accept") for email in addresses]
    assert len(set(links)) == 2

    world.accept(visit, "Handwave", email=addresses[1])
    world.tick()

    for email in addresses:
        subjects = [subject.partition(" · ")[0] for subject in world.subjects(to=email)]
        assert subjects == ["Request for ASL Interpreter", "Confirmed: ASL Interpreter"]


def test_a_company_that_several_groups_name_gets_one_invite(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime", "Northlight", "Lumen"])

    asked = [invite.company_id for invite in world.invites_of(visit)]
    names = ["Clearsign", "Northlight", "Bridgeway", "Lumen"]
    assert asked == [world.clinic.companies[name] for name in names]
    assert len(world.outbox(MailKind.INVITE)) == 4


def test_a_reason_is_taken_once_and_only_from_a_company_that_declined(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight", "Bridgeway"])
    world.decline(visit, "Clearsign")
    world.accept(visit, "Northlight")

    with world.jobs.app_context():
        said = [
            give_decline_reason(world.link(visit, company), reason=reason, now=world.now)
            for company, reason in (
                ("Clearsign", "Nobody free"),
                ("Clearsign", "Another"),
                ("Northlight", "x"),
                ("Bridgeway", "x"),
            )
        ]

    assert said == [True, False, False, False]
    assert [invite.decline_reason for invite in world.invites_of(visit)] == ["Nobody free", "", ""]


def test_a_signed_link_to_what_does_not_exist_is_not_found(world_on_either: World) -> None:
    world = world_on_either
    nowhere = VerifiedLink(LinkKind.INVITE, "AAAAAAAAAAAAAAAA")

    with world.jobs.app_context(), pytest.raises(NotFoundError):
        accept_invite(nowhere, responder="T. Boyle", now=world.now)
    assert world.vendor.get(path_of(world, nowhere, "accept")).status_code == 410


def test_an_answer_at_the_deadline_comes_too_late_and_closes_the_request_itself(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.now = world.request_of(visit).deadline

    assert world.accept(visit, "Clearsign") is AnswerOutcome.REFUSED

    assert state_of(world, visit) is RequestState.EXPIRED
    assert [invite.answer for invite in world.invites_of(visit)] == [None]


def test_an_answer_a_millisecond_before_the_deadline_counts_and_the_deadline_never_undoes_it(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.now = world.request_of(visit).deadline - MILLISECOND
    assert world.accept(visit, "Clearsign") is AnswerOutcome.TAKEN

    world.pass_time(days=3)
    world.tick()

    assert state_of(world, visit) is RequestState.ACCEPTED
    assert world.badge(visit) == "Accepted"
    assert press(world, world.link(visit, "Clearsign"), "accept").status_code == 200
