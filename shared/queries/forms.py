"""What the visit form offers, and the plan behind a preview."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import choices, plan, times
from shared.db import reading
from shared.models import Clinic, ClinicLanguage
from shared.plan import VisitDraft, VisitPlan
from shared.rules import Scope


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a drop-down list."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class InterpreterChoice:
    """One tick box under Interpreter; ``why_not`` is why it is greyed, empty if it is not. A change of a visit knows
    more: ``kept`` stays ticked although nobody could choose it now, ``asked`` is what came of asking it already."""

    value: str
    label: str
    detail: str
    why_not: str
    kept: bool = False
    asked: str = ""


@dataclass(frozen=True, slots=True)
class InterpreterChoices:
    """The tick boxes for one language."""

    language_name: str
    choices: tuple[InterpreterChoice, ...]


@dataclass(frozen=True, slots=True)
class VisitFormChoices:
    """What the visit form's lists hold for this viewer. ``today`` is the clinic's."""

    providers: tuple[Option, ...]
    languages: tuple[Option, ...]
    today: date


def visit_form(scope: Scope, zone: str, *, now: datetime) -> VisitFormChoices:
    """Providers that the scope may book for and the clinic's languages."""
    with reading() as session:
        providers = plan.providers(session, scope)
        languages = session.scalars(
            select(ClinicLanguage).where(ClinicLanguage.clinic_id == scope.clinic_id).order_by(ClinicLanguage.name)
        ).all()
        return VisitFormChoices(
            providers=tuple(Option(str(user.id), user.name) for user in providers),
            languages=tuple(Option(language.tag, language_label(language)) for language in languages),
            today=times.day_of(now, zone),
        )


def interpreter_choices(scope: Scope, language_tag: str) -> InterpreterChoices:
    """Whom the clinic can ask for a language; empty for a language it does not have, and while dispatch is off."""
    with reading() as session:
        language = choices.find_language(session, scope.clinic_id, language_tag)
        if language is None or not session.get_one(Clinic, scope.clinic_id).dispatch_enabled:
            return InterpreterChoices("", ())
        return InterpreterChoices(language.name, choices_for(session, scope.clinic_id, language_tag))


def choices_for(session: Session, clinic_id: int, language_tag: str) -> tuple[InterpreterChoice, ...]:
    """The tick boxes for a language, in the caller's look at the database."""
    found = choices.interpreter_choices(session, clinic_id, language_tag)
    return tuple(InterpreterChoice(c.value, c.label, c.detail, c.why_not) for c in found)


def plan_visit(scope: Scope, draft: VisitDraft, *, now: datetime) -> VisitPlan:
    """What the draft would become. Nothing is stored."""
    with reading() as session:
        return plan.make_plan(session, scope, draft, now=now)


def language_label(language: ClinicLanguage) -> str:
    """A language as lists name it: American Sign Language (ASL)."""
    return language.name if language.name == language.short_name else f"{language.name} ({language.short_name})"
