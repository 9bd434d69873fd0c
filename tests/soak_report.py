"""What `make soak` prints: a line for each long test, and where processes were killed as a table."""

from collections import Counter
from collections.abc import Iterable
from typing import cast

import pytest

TABLE = ("| killed | kills | mails that came twice |", "|---|---|---|")


def line(report: pytest.TestReport) -> str:
    """A test's name as a sentence, the figure it reports, and how long it took."""
    name, _bracket, case = report.nodeid.rpartition("::")[2].partition("[")
    sentence = name.removeprefix("test_").replace("_", " ").capitalize()
    told = [f"{sentence} ({case[:-1]})" if case else sentence, str(dict(report.user_properties).get("figure", ""))]
    return f"{report.outcome:<7} {': '.join(filter(None, told))} [{report.duration:.0f} s]\n"


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The points at which processes were killed, both databases together."""
    kills, repeats = Counter[str](), Counter[str]()
    for report in reports:
        for name, told in report.user_properties:
            if name == "killed":
                point, times, came_twice = cast("tuple[str, int, int]", told)
                kills[point] += times
                repeats[point] += came_twice
    return [*TABLE, *(f"| {point} | {kills[point]} | {repeats[point]} |" for point in kills)] if kills else []
