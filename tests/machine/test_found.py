"""What the machine found (the first) and what its model made its author doubt, each cut down to a story.

Every step is taken by the product and by the model; ``everything_agrees`` delivers all mail and compares the two.
"""

from datetime import timedelta
from typing import Any

from shared.states import Answer, Reach
from tests.machine import wishes
from tests.machine.model import Clinic, Rule, Visit
from tests.machine.post import Fate
from tests.machine.steps import Steps, blank_form
from tests.machine.wishes import Form

CLEARSIGN, NORTHLIGHT, BRIDGEWAY = 0, 1, 2


def book(steps: Steps, *asked: int, rule: Rule | None = None, **values: Any) -> list[Visit]:
    """Tomorrow at nine at Riverside Clinic, and what the rule adds; asks these companies."""
    clinic = steps.town.clinics[0]
    picks = frozenset(f"company:{clinic.companies[number].id}" for number in asked)
    form = blank_form(clinic, steps.now) | {"language": "ase", "picks": picks, "rule": rule} | values
    form["day"] += timedelta(days=1)
    steps.new_visit(clinic, form, at_once=True)
    steps.watch.compare(steps.now)
    return clinic.appointments[-1].visits


def edit(steps: Steps, visit: Visit, reach: Reach = Reach.THIS, *, at_once: bool = True, **values: Any) -> None:
    steps.change("edit", visit, reach, form_with(visit, **values), at_once=at_once)


def cancel(steps: Steps, visit: Visit, reach: Reach = Reach.THIS) -> None:
    steps.change("cancel", visit, reach, None, at_once=True)


def form_with(visit: Visit, **values: Any) -> Form:
    return wishes.form_of(visit) | values


def send(steps: Steps) -> None:
    """All mail that is due leaves."""
    while steps.pick_up():
        while steps.post.hands:
            steps.settle(0, Fate.TAKEN)


def answers(steps: Steps, visit: Visit, company: int, said: Answer) -> None:
    """Through the company's first link to the visit's current request."""
    assert visit.request is not None
    clinic: Clinic = visit.appointment.clinic
    invite = visit.request.invites[clinic.companies[company]]
    steps.answer(invite, next(iter(invite.links)), said)


def everything_agrees(steps: Steps) -> None:
    steps.watch.compare(steps.now)
    steps.finish()


def test_the_news_that_all_declined_is_dropped_when_the_visit_was_cancelled_meanwhile(steps: Steps) -> None:
    visit = book(steps, NORTHLIGHT)[0]
    send(steps)

    answers(steps, visit, NORTHLIGHT, Answer.DECLINED)
    cancel(steps, visit)

    everything_agrees(steps)


def test_visits_that_a_colleague_cancelled_do_not_come_back_with_an_older_preview(steps: Steps) -> None:
    visits = book(steps, NORTHLIGHT, rule=Rule(count=4))
    send(steps)
    answers(steps, visits[0], NORTHLIGHT, Answer.ACCEPTED)
    wall = visits[0].local.time().replace(hour=10)
    edit(steps, visits[0], Reach.FOLLOWING, at_once=False, wall=wall)

    cancel(steps, visits[2], Reach.FOLLOWING)
    steps.confirm(steps.previews[0])

    everything_agrees(steps)


def test_a_rule_that_leaves_no_visit_at_all_cancels_those_there_are(steps: Steps) -> None:
    first = book(steps, NORTHLIGHT, rule=Rule(count=2))
    cancel(steps, first[1])

    edit(steps, first[0], Reach.FOLLOWING, rule=Rule(weekdays=(first[1].local.weekday(),), count=1))

    everything_agrees(steps)


def test_a_winner_whose_visits_to_come_were_cancelled_hears_of_no_new_number(steps: Steps) -> None:
    visits = book(steps, NORTHLIGHT, rule=Rule(count=2))
    send(steps)
    answers(steps, visits[0], NORTHLIGHT, Answer.ACCEPTED)
    send(steps)
    steps.wait(visits[0].ends_at)

    cancel(steps, visits[1])
    steps.change_contact(steps.town.clinics[0], 11)

    everything_agrees(steps)


def test_a_new_address_of_a_company_that_lost_its_visits_gets_no_confirmation(steps: Steps) -> None:
    visits = book(steps, NORTHLIGHT, rule=Rule(count=2))
    send(steps)
    answers(steps, visits[0], NORTHLIGHT, Answer.ACCEPTED)
    send(steps)
    steps.wait(visits[0].ends_at)

    cancel(steps, visits[1])
    clinic = steps.town.clinics[0]
    steps.add_address(clinic, clinic.companies[NORTHLIGHT])

    everything_agrees(steps)


def test_a_company_is_told_once_that_somebody_else_has_the_visit_though_it_was_to_be_asked_again(steps: Steps) -> None:
    visit = book(steps, CLEARSIGN, NORTHLIGHT)[0]
    send(steps)
    answers(steps, visit, CLEARSIGN, Answer.ACCEPTED)
    send(steps)

    edit(steps, visit, minutes=90)
    clearsign = steps.town.clinics[0].companies[CLEARSIGN]
    while not any(hand.email in clearsign.emails and hand.kind == "invite" for hand in steps.post.hands):
        steps.pick_up()
    steps.settle(len(steps.post.hands) - 1, Fate.TAKEN)
    answers(steps, visit, CLEARSIGN, Answer.ACCEPTED)

    everything_agrees(steps)


def test_what_a_colleague_cancelled_is_shown_before_who_accepted_meanwhile(steps: Steps) -> None:
    visits = book(steps, NORTHLIGHT, rule=Rule(count=3))
    send(steps)
    wall = visits[0].local.time().replace(hour=10)
    edit(steps, visits[0], Reach.FOLLOWING, at_once=False, wall=wall)

    answers(steps, visits[0], NORTHLIGHT, Answer.ACCEPTED)
    cancel(steps, visits[1], Reach.FOLLOWING)
    steps.confirm(steps.previews[0])

    everything_agrees(steps)


def test_a_closed_request_stays_with_a_visit_that_changes_while_nobody_can_be_asked(steps: Steps) -> None:
    visit = book(steps, NORTHLIGHT)[0]
    send(steps)
    answers(steps, visit, NORTHLIGHT, Answer.DECLINED)
    steps.switch_asking(steps.town.clinics[0], on=False)

    edit(steps, visit, minutes=45)

    everything_agrees(steps)


def asked_anew_twice_over(steps: Steps) -> Visit:
    """Clearsign, which has two addresses, has the invite that an edit withdrew, and is to get a new one at both."""
    visit = book(steps, CLEARSIGN)[0]
    send(steps)
    edit(steps, visit, minutes=90)
    return visit


def test_who_was_to_be_asked_anew_hears_that_it_is_over_when_one_new_invite_came_too_late_and_one_is_lost(
    steps: Steps,
) -> None:
    visit = asked_anew_twice_over(steps)
    steps.pick_up()
    steps.settle(0, Fate.DIED)

    assert visit.request is not None
    steps.wait(visit.request.deadline)
    steps.sweep()

    everything_agrees(steps)


def test_who_was_to_be_asked_anew_hears_that_it_is_over_when_one_new_invite_came_too_late_and_one_bounced(
    steps: Steps,
) -> None:
    visit = asked_anew_twice_over(steps)
    steps.pick_up()

    assert visit.request is not None
    steps.wait(visit.request.deadline)
    steps.sweep()
    steps.settle(0, Fate.REFUSED)

    everything_agrees(steps)


def test_who_was_to_be_asked_anew_hears_that_it_is_over_when_all_new_invites_bounced(steps: Steps) -> None:
    asked_anew_twice_over(steps)
    steps.pick_up()
    steps.settle(0, Fate.REFUSED)
    steps.pick_up()
    steps.settle(0, Fate.REFUSED)

    everything_agrees(steps)


def test_news_of_a_closed_request_goes_to_whoever_had_the_visit_then_and_not_to_whom_it_was_given_later(
    steps: Steps,
) -> None:
    visit = book(steps, NORTHLIGHT, day=steps.now.date() + timedelta(days=2))[0]
    send(steps)
    clinic = steps.town.clinics[0]
    steps.switch_asking(clinic, on=False)
    assert visit.request is not None
    steps.wait(visit.request.deadline)

    edit(steps, visit, provider=clinic.providers[1])

    everything_agrees(steps)


def test_notes_go_with_the_interpreter_even_if_somebody_typed_others(steps: Steps) -> None:
    visit = book(steps, NORTHLIGHT)[0]

    edit(steps, visit, language="", picks=frozenset(), notes="Quiet room")

    assert visit.request is None
    everything_agrees(steps)
