"""docs/operations.md: what it prints works as it stands."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.settings import from_environ

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
LOAD = "set -a; . ./settings.sh; set +a"
KEY = "k" * 48


def printed_settings() -> str:
    """The settings file, with a value where the reader has to put one."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", TEXT, re.DOTALL | re.MULTILINE)
    [block] = [block for block in blocks if "SECRET_KEY=" in block]
    return "".join(line.strip() + "\n" for line in block.splitlines()).replace("…", KEY)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_that_loads_the_printed_settings_hands_them_to_a_command(shell: str, tmp_path: Path) -> None:
    (tmp_path / "settings.sh").write_text(printed_settings())

    said = subprocess.run(
        [shell, "-euc", f"{LOAD}; env"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )

    assert (said.returncode, said.stderr) == (0, "")
    settings = from_environ(dict(line.split("=", 1) for line in said.stdout.splitlines()))
    assert settings.mail_sender == "Interpreter Dispatch <dispatch@clinic.example>"
    assert settings.secret_keys == (KEY,)
    assert (settings.mail_username, settings.mail_password) == ("dispatch", KEY)


def test_systemd_reads_the_printed_settings_as_a_shell_does() -> None:
    """It takes a whole line after the name for the value, and a comment only at a line's beginning."""
    for line in printed_settings().splitlines():
        assert re.fullmatch(r"#.*|[A-Z_]+='[^'\\]+'", line), line


def test_every_example_loads_the_settings_in_the_same_way() -> None:
    assert TEXT.count(". ./settings.sh") == TEXT.count(LOAD) >= 3


def test_the_set_up_starts_the_jobs_before_it_wants_every_line_of_check_to_be_ok() -> None:
    steps = ["shared.cli migrate", "shared.cli create-clinic", "shared.cli jobs serve", "shared.cli check"]
    places = [TEXT.index(step) for step in steps]

    assert places == sorted(places)


def test_the_printed_web_server_logs_no_path_speaks_no_old_tls_and_believes_no_visitor() -> None:
    [block] = re.findall(r"^```nginx\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    [logged] = re.findall(r"^log_format no_paths '(.*)';$", block, re.MULTILINE)
    assert set(re.findall(r"\$\w+", logged)) == {
        "$remote_addr", "$time_iso8601", "$host", "$request_method", "$status", "$body_bytes_sent", "$request_time",
        "$request_id",
    }  # fmt: skip
    assert re.findall(r"access_log \S+ ?(\S*);", block) == ["no_paths"]
    assert re.findall(r"error_log \S+ ?(\S*);", block) == ["crit"]
    assert re.findall(r"ssl_protocols (.*);", block) == ["TLSv1.2 TLSv1.3"]

    set_to = dict(re.findall(r"proxy_set_header (\S+) (.*);", block))
    assert set_to == {
        "Host": "$host", "X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "https",
        "X-Request-ID": "$request_id",
    }  # fmt: skip
    assert not re.findall(r"\b(root|alias|autoindex|stub_status)\b", block)
