"""Where a finding about security is silenced, the line names the rule and says why."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SILENCES = re.compile(r"#\s*(?:noqa\b(?!: [A-RT-Z])|nosec)", re.IGNORECASE)
GIVES_A_REASON = re.compile(r"# noqa: S\d{3}(?: # nosec B\d{3} #| -) \w.+|# nosec B\d{3} # \w.+")


def test_every_silenced_finding_about_security_names_its_rule_and_its_reason() -> None:
    folders = [file for part in ("shared", "portal", "vendor_portal") for file in (ROOT / part).rglob("*.py")]
    lines = [
        (file.relative_to(ROOT), number, line)
        for file in [*folders, ROOT / "wsgi.py"]
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if SILENCES.search(line)
    ]

    assert len(lines) >= 5
    assert [place for place in lines if not GIVES_A_REASON.search(place[2])] == []
