"""What documents point to exists: tests, files, headings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIPAA = (ROOT / "docs" / "hipaa.md").read_text()


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


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{name}" for name in ("operations.md", "hipaa.md"))])
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
