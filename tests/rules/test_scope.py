"""Who may see and book what."""

import pytest

from shared.rules import Scope
from shared.states import Role


@pytest.mark.parametrize(
    ("role", "books", "own_visits_only"),
    [
        (Role.PROVIDER, True, True),
        (Role.SCHEDULER, True, False),
        (Role.STAFF, False, False),
        (Role.ADMIN, True, False),
    ],
)
def test_each_role_books_and_sees_what_the_specification_gives_it(
    role: Role, *, books: bool, own_visits_only: bool
) -> None:
    scope = Scope(clinic_id=1, user_id=7, role=role)

    assert scope.may_book is books
    assert scope.provider_id == (7 if own_visits_only else None)
