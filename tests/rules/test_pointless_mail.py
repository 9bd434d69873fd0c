"""Which mails are dropped before they leave, because they would tell what is no longer so."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.rules import is_pointless
from shared.states import Answer, MailKind, RequestState

DEADLINE = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

NEEDS_STATE = {
    MailKind.FILLED: RequestState.ACCEPTED,
    MailKind.CONFIRMATION: RequestState.ACCEPTED,
    MailKind.UPDATED: RequestState.ACCEPTED,
    MailKind.CLINIC_ACCEPTED: RequestState.ACCEPTED,
    MailKind.CLINIC_CONFIRMATION_BOUNCED: RequestState.ACCEPTED,
    MailKind.CLINIC_ALL_DECLINED: RequestState.ALL_DECLINED,
    MailKind.CLINIC_EXPIRED: RequestState.EXPIRED,
    MailKind.CLINIC_UNDELIVERABLE: RequestState.UNDELIVERABLE,
}
ALWAYS_GO = {MailKind.CANCELLATION, MailKind.WITHDRAWN, MailKind.CLINIC_CANCELLATION_BOUNCED}
WITHOUT_REQUEST = {MailKind.USER_INVITE, MailKind.PASSWORD_RESET}
CLINIC_MAIL = [kind for kind in MailKind if kind.startswith("clinic_") and kind not in ALWAYS_GO]


def pointless(
    kind: MailKind,
    state: RequestState,
    *,
    answer: Answer | None = None,
    is_current: bool = True,
    now: datetime = DEADLINE - MILLISECOND,
) -> bool:
    return is_pointless(kind, state=state, deadline=DEADLINE, answer=answer, is_current=is_current, now=now)


@pytest.mark.parametrize("state", RequestState)
def test_an_invite_leaves_only_while_it_can_be_answered(state: RequestState) -> None:
    pending = state is RequestState.PENDING

    assert pointless(MailKind.INVITE, state) == (not pending)
    assert pointless(MailKind.INVITE, state, now=DEADLINE)
    assert pointless(MailKind.INVITE, state, now=DEADLINE + MILLISECOND)


def test_an_invite_does_not_follow_a_company_that_answered_already_from_another_address() -> None:
    assert pointless(MailKind.INVITE, RequestState.PENDING, answer=Answer.DECLINED)


@pytest.mark.parametrize(("kind", "needed"), list(NEEDS_STATE.items()))
@pytest.mark.parametrize("state", RequestState)
def test_every_other_mail_leaves_only_while_its_news_is_true_however_late(
    kind: MailKind, needed: RequestState, state: RequestState
) -> None:
    answer = Answer.ACCEPTED if kind in {MailKind.CONFIRMATION, MailKind.UPDATED} else None
    for moment in (DEADLINE - MILLISECOND, DEADLINE, DEADLINE + timedelta(days=2)):
        assert pointless(kind, state, answer=answer, now=moment) == (state is not needed)


def test_a_confirmation_leaves_only_to_the_company_that_accepted() -> None:
    assert pointless(MailKind.CONFIRMATION, RequestState.ACCEPTED, answer=Answer.DECLINED)
    assert pointless(MailKind.CONFIRMATION, RequestState.ACCEPTED, answer=None)
    assert not pointless(MailKind.CONFIRMATION, RequestState.ACCEPTED, answer=Answer.ACCEPTED)


@pytest.mark.parametrize("kind", CLINIC_MAIL)
def test_news_to_the_clinic_is_dropped_once_no_visit_points_to_the_request_any_more(kind: MailKind) -> None:
    assert pointless(kind, NEEDS_STATE[kind], is_current=False)


def test_every_kind_of_mail_has_a_rule() -> None:
    assert set(NEEDS_STATE) | {MailKind.INVITE} | ALWAYS_GO | WITHOUT_REQUEST == set(MailKind)


@pytest.mark.parametrize("kind", sorted(ALWAYS_GO))
@pytest.mark.parametrize("state", RequestState)
def test_that_it_is_over_is_told_however_late(kind: MailKind, state: RequestState) -> None:
    assert not pointless(kind, state, is_current=False, now=DEADLINE + timedelta(days=2))
