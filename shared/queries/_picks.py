"""Whom a change of a visit can ask, beside whom its request asks now: ticks that stay, and what came of asking."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import Company, HuntGroup, Invite, Mail, Request
from shared.queries.forms import InterpreterChoice
from shared.states import Answer, MailKind, MailState

NOT_LISTED = "An interpreter that is not on the list any more"


def with_kept(
    session: Session, clinic_id: int, choices: Iterable[InterpreterChoice], keep: Iterable[str]
) -> list[InterpreterChoice]:
    """The tick boxes, where those in ``keep`` stay tickable: what is asked now must not change by itself."""
    kept = list(keep)
    found = [replace(choice, kept=bool(choice.why_not) and choice.value in kept) for choice in choices]
    offered = {choice.value for choice in found}
    gone = [pick for pick in kept if pick not in offered]
    labels = names_of(session, clinic_id, gone)
    return found + [
        InterpreterChoice(pick, labels[pick], "", _why_gone(session, clinic_id, pick), kept=True) for pick in gone
    ]


def with_answers(
    session: Session, request: Request, choices: Iterable[InterpreterChoice], *, is_open: bool
) -> tuple[InterpreterChoice, ...]:
    """The tick boxes, each company that the request has asked marked with what came of it."""
    rows = session.execute(
        select(Invite.company_id, Invite.answer, Mail.state)
        .join(Mail, (Mail.invite_id == Invite.id) & (Mail.kind == MailKind.INVITE))
        .where(Invite.request_id == request.id)
    ).all()
    asked: dict[str, tuple[Answer | None, list[MailState]]] = {}
    for company_id, answer, state in rows:
        asked.setdefault(f"company:{company_id}", (answer, []))[1].append(state)
    words = {pick: _came_of(answer, mails, is_open=is_open) for pick, (answer, mails) in asked.items()}
    return tuple(replace(choice, asked=words.get(choice.value, "")) for choice in choices)


def names_of(session: Session, clinic_id: int, picks: Iterable[str]) -> dict[str, str]:
    """The names behind ticks. What the clinic does not have (any more) has none, another clinic's neither."""
    wanted = tuple(picks)
    found: dict[str, str] = {}
    for kind, table in (("company", Company), ("group", HuntGroup)):
        ids = {number for pick in wanted if (number := _id_in(pick, kind)) is not None}
        rows = session.execute(select(table.id, table.name).where(table.clinic_id == clinic_id, table.id.in_(ids)))
        found |= {f"{kind}:{number}": name for number, name in rows}
    return {pick: found.get(pick, NOT_LISTED) for pick in wanted}


def _id_in(pick: str, kind: str) -> int | None:
    name, _, number = pick.partition(":")
    return int(number) if name == kind and number.isascii() and number.isdigit() and len(number) < 19 else None


def _why_gone(session: Session, clinic_id: int, pick: str) -> str:
    company = session.get(Company, _id_in(pick, "company") or 0)
    if company is None or company.clinic_id != clinic_id:
        return "Not on the list any more."
    return "Does not interpret this language any more." if company.accredited else "Suspended."


def _came_of(answer: Answer | None, mails: list[MailState], *, is_open: bool) -> str:
    if answer is Answer.ACCEPTED:
        return "Accepted"
    if answer is Answer.DECLINED:
        return "Declined"
    if all(state in {MailState.BOUNCED, MailState.DEAD} for state in mails):
        return "Mail bounced"
    return "Asked, no answer yet" if is_open else "No answer"
