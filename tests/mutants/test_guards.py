"""`make mutants` takes minutes; that its list is about the source as it is today is seen at once."""

import re
from pathlib import Path

import pytest

from tests.mutants.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_stands_where_it_is_said_to_and_its_tests_exist(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text().count(guard.text) == 1
    assert guard.without != guard.text
    for test in guard.tests:
        file, _colons, name = test.partition("[")[0].partition("::")
        assert re.search(rf"^def {name or 'test_'}", (ROOT / file).read_text(), re.MULTILINE), test


def test_no_two_guards_have_one_name() -> None:
    names = [guard.name for guard in GUARDS]

    assert len(names) == len(set(names))
