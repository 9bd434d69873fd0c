"""What documents point to exists: tests, files, headings."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIPAA = (ROOT / "docs" / "hipaa.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

LISTED = {"3": 19, "6": 35, "7": 18, "8": 7, "9": 7, "16": 16}
"""How many requirements each chapter has, of those that have rows of their own."""


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file; none if there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module([], [])
    return frozenset(part.name for part in tree.body if isinstance(part, ast.FunctionDef))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", document.read_text())

    assert [f"{file}::{name}" for file, name in named if not (ROOT / file).is_file()] == []
    assert [f"{file}::{name}" for file, name in named if name and name not in names_in(file)] == []


def test_the_page_about_security_has_a_row_for_each_requirement_that_ends_in_a_test_or_a_reason() -> None:
    rows = re.findall(
        r"^\| (\d+)\.\d+\.\d+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", SECURITY.partition("\n## What is left")[0], re.M
    )

    assert {chapter: [row[0] for row in rows].count(chapter) for chapter in LISTED} == LISTED
    assert len(rows) == sum(LISTED.values()) == 102
    for _chapter, how, shown in rows:
        assert "::test_" in shown or "**" in how or "by reading" in shown or "by this page" in shown, how


def test_every_test_that_the_page_about_hipaa_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", HIPAA))

    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    "specification",
    [
        "(a)(1)", "(a)(2)(i)", "(a)(2)(ii)", "(a)(2)(iii)", "(a)(2)(iv)", "## (b)", "(c)(1)", "(c)(2)", "## (d)",
        "(e)(1)", "(e)(2)(i)", "(e)(2)(ii)",
    ],
)  # fmt: skip
def test_every_standard_and_specification_of_the_section_has_its_row(specification: str) -> None:
    beginning = specification if specification.startswith("#") else f"| {specification} "

    assert HIPAA.count(f"\n{beginning}") == 1


@pytest.mark.parametrize(
    "name", ["README.md", *(f"docs/{name}" for name in ("operations.md", "hipaa.md", "security.md"))]
)
def test_links_of_documents_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, heading = target.partition("#")
        file = (document.parent / path) if path else document
        assert file.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}, target


def test_every_decision_stands_in_the_list_in_its_order() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(file.name for file in folder.glob("[0-9]*.md"))
    listed = re.findall(r"^(\d+)\. \[.+\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)

    assert [name for _number, name in listed] == files
    assert [int(number) for number, _name in listed] == [int(name[:2]) for name in files] == [*range(1, len(files) + 1)]


def test_every_folder_of_tests_stands_in_the_map() -> None:
    [row] = re.findall(r"^\| `tests/` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    folders = {file.parent.name for file in (ROOT / "tests").glob("*/__init__.py")}

    assert set(re.findall(r"`(\w+)/`", row)) == folders
