"""The digest binds a preview to its content."""

from dataclasses import fields, replace
from datetime import date, time
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plan import VisitDraft
from shared.repeat import Repeat
from shared.states import Frequency, VisitType

DRAFT = VisitDraft(
    patient_name="Jonah Pike",
    patient_contact="",
    provider_id=7,
    day=date(2026, 11, 24),
    wall=time(9, 30),
    duration_minutes=45,
    visit_type=VisitType.VIDEO,
    reason="",
    language_tag="ase",
    picks=("company:1", "group:2", "company:3"),
    notes="",
)
CHANGES: dict[str, Any] = {
    "patient_name": "Jonah Pyke",
    "patient_contact": "+1 555 0199",
    "provider_id": 8,
    "day": date(2026, 11, 25),
    "wall": time(9, 31),
    "duration_minutes": 46,
    "visit_type": VisitType.PHONE,
    "reason": "New patient",
    "language_tag": "es",
    "picks": ("company:1", "group:2"),
    "notes": "Side door",
    "repeat": Repeat(Frequency.WEEKLY, (1,), None, None, 6),
}


def test_the_same_content_has_the_same_digest() -> None:
    assert replace(DRAFT).digest() == DRAFT.digest()


def test_the_order_of_ticks_on_the_page_does_not_matter() -> None:
    assert len({replace(DRAFT, picks=picks).digest() for picks in permutations(DRAFT.picks)}) == 1


@pytest.mark.parametrize("name", [field.name for field in fields(VisitDraft)])
def test_each_field_counts(name: str) -> None:
    assert replace(DRAFT, **{name: CHANGES[name]}).digest() != DRAFT.digest()


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_text_that_moves_from_one_field_into_another_is_other_content(a: str, b: str, c: str, d: str) -> None:
    one, other = replace(DRAFT, reason=a, notes=b), replace(DRAFT, reason=c, notes=d)
    assert (one.digest() == other.digest()) == ((a, b) == (c, d))
